"""What is found out about a model, and from where."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.core.model import ClassSpec
from edgesegd.models import published
from edgesegd.models.normalization import Normalization
from edgesegd.models.published import Preset
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from edgesegd.models.tflite.file import parse_tflite
from support.graph_writer import GraphWriter
from support.tflite_writer import IMAGE, LOGITS, QUANTIZED_IMAGE, T, write_tflite

GOLDEN = Path(__file__).parent / "data" / "with_metadata.tflite"
SCALED = "[input]\nmean = 127.5\nstd = 127.5\n"

Read = Callable[..., ModelSpec]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a model with its sidecar, and read it."""

    def write_and_read(
        inputs: Sequence[T] = (IMAGE,),
        outputs: Sequence[T] = (LOGITS,),
        made_by: Sequence[str] = ("CONV_2D",),
        sidecar: str = SCALED,
    ) -> ModelSpec:
        path = tmp_path / "rooms.v2.tflite"
        path.write_bytes(write_tflite(inputs, outputs, made_by))
        path.with_name("rooms.v2.toml").write_text(sidecar)
        return read_model(path)

    return write_and_read


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_published_file_is_recognised_by_its_hash(
    read: Read, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    """MLPerf states MD5s only."""
    data = write_tflite([IMAGE], [LOGITS], ["CONV_2D"])
    known = Preset(Normalization.of([3.0], [5.0]), ("grass", "path"))
    monkeypatch.setattr(
        published, "_presets", lambda: {hashlib.new(algorithm, data).hexdigest(): known}
    )
    model = read(sidecar="")
    assert (model.mean, model.std) == ((3.0,) * 3, (5.0,) * 3)
    assert [each.name for each in model.classes][:2] == ["grass", "path"]
    assert model.sources["normalization"] == model.sources["names"] == "preset"
    with pytest.raises(ModelInvalid, match="mean"):
        read(made_by=["DEPTHWISE_CONV_2D"], sidecar="")


def test_the_name_of_a_model_is_that_of_its_file_or_the_given_one() -> None:
    assert read_model(GOLDEN).name == "with_metadata"
    assert read_model(GOLDEN, "rooms").name == "rooms"


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ([T((1, 1001))], "(1, 1001) of float32"),
        ([T((1, 1, 1, 20))], "(1, 1, 1, 20)"),
        ([T((1, 10, 4)), T((1, 10))], "(1, 10, 4) of float32"),
        ([T((2, 8, 8, 4))], "(2, 8, 8, 4)"),
        ([T((1, 8, 70000, 4))], "70000"),
    ],
)
def test_a_model_without_a_mask_is_refused(read: Read, outputs: list[T], found: str) -> None:
    with pytest.raises(ModelInvalid, match="not a single-image segmentation model") as caught:
        read(outputs=outputs, made_by=["LOGISTIC"])
    assert found in str(caught.value)
    assert "a mask (1, H, W, C) is needed" in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ([IMAGE, IMAGE], "2 inputs"),
        ([T((1, 8, 8, 2))], "(1, 8, 8, 2) of float32"),
        ([T((1, 8, 8, 3), "int64")], "int64"),
        ([T((1, 8, 8, 1), signature=(1, 8, 8, -1))], "(1, 8, 8, -1)"),
        ([T((1, 1, 64), signature=(1, -1, -1))], "no fixed size"),
        ([T((4, 8, 8, 3))], "(4, 8, 8, 3)"),
        ([T((1, 8, 100000, 3))], "100000"),
        ([T((8, 8, 8))], "(8, 8, 8)"),
        ([T((1, 64))], "(1, 64)"),
    ],
)
def test_an_input_that_takes_no_picture_is_refused(read: Read, inputs: list[T], found: str) -> None:
    with pytest.raises(ModelInvalid, match=r"\(1, H, W, 3\)|no fixed size") as caught:
        read(inputs)
    assert found in str(caught.value)


def test_a_sidecar_that_its_model_contradicts_is_named_in_the_error(read: Read) -> None:
    for wish in ("index = 1", 'kind = "labels"', 'shape = [5, 9]\nkind = "logits"'):
        with pytest.raises(ConfigError, match=r"rooms\.v2\.toml: output\."):
            read(sidecar=f"{SCALED}[output]\n{wish}\n")
    with pytest.raises(ConfigError, match=r"rooms\.v2\.toml: classes\.names has 1 .* 4 classes"):
        read(sidecar=SCALED + '[classes]\nnames = ["one"]\n')


def test_more_than_255_classes_are_refused(read: Read) -> None:
    assert len(read(outputs=[T((1, 8, 8, 255))]).classes) == 255
    with pytest.raises(ModelInvalid, match="256 classes"):
        read(outputs=[T((1, 8, 8, 256))])


@pytest.mark.parametrize(("count", "fits"), [(255, True), (256, False), (300, False)])
@pytest.mark.parametrize("more", [0, 1])
def test_more_than_255_ids_are_refused_like_as_many_scores(
    tmp_path: Path, count: int, fits: bool, more: int
) -> None:
    graph = GraphWriter()
    axis = graph.constant(3, "int32")
    ids = graph.add("ARG_MAX", [graph.scores(count - more), axis], (1, 8, 8), "int32")
    ids = graph.add("ADD", [ids, graph.constant(more, "int32")], (1, 8, 8), "int32")
    path = tmp_path / "ids.tflite"
    path.write_bytes(graph.write(ids))
    path.with_suffix(".toml").write_text(SCALED)
    if fits:
        assert len(read_model(path).classes) == count
        return
    with pytest.raises(ModelInvalid, match=f"{count} classes; at most 255"):
        read_model(path)


def described(classes: int, *, as_ids: bool) -> bytes:
    """A model whose metadata have four names."""
    graph, golden = GraphWriter(), GOLDEN.read_bytes()
    output = graph.scores(classes)
    if as_ids:
        axis = graph.constant(3, "int32")
        output = graph.add("ARG_MAX", [output, axis], (1, 8, 8), "int32")
    metadata = bytes(parse_tflite(golden).metadata["TFLITE_METADATA"])
    return graph.write(output, metadata=metadata) + golden[golden.index(b"PK\3\4") :]


@pytest.mark.parametrize("as_ids", [False, True])
def test_metadata_with_another_number_of_names_than_classes(tmp_path: Path, as_ids: bool) -> None:
    path = tmp_path / "model.tflite"
    found = {}
    for classes in (2, 4, 5):
        path.write_bytes(described(classes, as_ids=as_ids))
        found[classes] = read_model(path)
    assert [each.name for each in found[4].classes] == ["ground", "sky", "tree", "house"]
    assert found[4].notes == ()
    for count in (2, 5):
        assert not {"ground", "sky", "tree", "house"} & {each.name for each in found[count].classes}
        assert f"has 4 names for {count} classes: none is used" in found[count].notes[0]
        assert found[count].sources["names"] == "default"
    names = ["a", "b", "c", "d", "e"]
    path.with_suffix(".toml").write_text(f"[classes]\nnames = {names}\n")
    assert [each.name for each in read_model(path).classes] == names
    assert read_model(path).notes == ()


def test_a_label_file_with_too_few_names_is_named(read: Read, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("cat\ndog\ncar\n")
    sidecar = SCALED + '[classes]\nfile = "few.txt"\n'
    with pytest.raises(ConfigError, match=r"classes\.file has 3 entries, but the model has 4"):
        read(sidecar=sidecar)
    graph = GraphWriter()
    axis = graph.constant(3, "int32")
    path = tmp_path / "ids.tflite"
    path.write_bytes(graph.write(graph.add("ARG_MAX", [graph.scores(), axis], (1, 8, 8), "int32")))
    path.with_suffix(".toml").write_text(sidecar)
    assert "the sidecar has 3 names for 4 classes" in read_model(path).notes[0]


def test_an_unknown_scaling_of_float_input_names_what_to_write(read: Read) -> None:
    with pytest.raises(ModelInvalid) as caught:
        read(sidecar="")
    message = str(caught.value)
    assert "into rooms.v2.toml beside it" in message
    start = message.index("input = {")
    assert read(sidecar=message[start : message.index(" for -1")]).mean == (127.5,) * 3


def test_quantized_input_takes_pixels_as_they_are(read: Read) -> None:
    spec = read([QUANTIZED_IMAGE], sidecar="")
    assert (spec.mean, spec.std, spec.sources["normalization"]) == (None, None, "default")
    same_thing = read([QUANTIZED_IMAGE], sidecar="[input]\nmean = 128\nstd = 128\n")
    assert (same_thing.mean, same_thing.sources["normalization"]) == (None, "sidecar")
    signed = read([T((1, 8, 8, 3), "int8", 1 / 255, -128)], sidecar="[input]\nmean=0\nstd=255\n")
    assert signed.mean is None


def test_quantized_input_that_pixels_do_not_fit_is_scaled(read: Read) -> None:
    spec = read([T((1, 8, 8, 3), "uint8", 1 / 64, 100)], sidecar=SCALED)
    assert (spec.mean, spec.std) == ((127.5,) * 3, (127.5,) * 3)


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0186584, -14), (0.1, 0), (1 / 64, 0)])
def test_quantized_input_of_another_range_than_pixels_have_is_asked_for(
    read: Read, scale: float, zero_point: int
) -> None:
    with pytest.raises(ModelInvalid, match=r"takes int8 for real values of .* write what it was"):
        read([T((1, 8, 8, 3), "int8", scale, zero_point)], sidecar="")


def test_metadata_are_read_and_the_sidecar_overrides_them(tmp_path: Path) -> None:
    spec = read_model(GOLDEN)
    assert (spec.mean, spec.std) == ((123.5, 116.0, 103.5), (58.0, 57.0, 57.5))
    assert [each.name for each in spec.classes] == ["ground", "sky", "tree", "house"]
    assert spec.sources["normalization"] == spec.sources["names"] == "metadata"
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(GOLDEN.read_bytes())
    (tmp_path / "copy.toml").write_text('[input]\nmean = 0\nstd = 255\n[pair]\ncpu = "x.tflite"\n')
    overridden = read_model(copy)
    assert overridden.mean == (0.0, 0.0, 0.0)
    assert overridden.sources["normalization"] == "sidecar"
    assert overridden.sources["names"] == "metadata"
    assert overridden.cpu_twin == tmp_path / "x.tflite"


def test_classes_of_which_nothing_is_known_have_a_number_and_a_colour(read: Read) -> None:
    spec = read()
    assert spec.classes[3] == spec.class_spec(3) == ClassSpec("class 3", (128, 128, 0))
    labels = read(outputs=[T((1, 8, 8), "int64")], made_by=["SomethingOwn"])
    assert labels.classes == ()
    assert labels.class_spec(254) == ClassSpec("class 254", (96, 224, 192))


def test_one_foreground_name_is_enough_with_a_probability(read: Read) -> None:
    output = [T((1, 8, 8, 1))]
    names = '[classes]\nnames = ["background", "road"]\npalette = [[1, 2, 3], [4, 5, 6]]\n'
    spec = read(outputs=output, made_by=["LOGISTIC"], sidecar=SCALED + names)
    assert spec.classes == (ClassSpec("background", (1, 2, 3)), ClassSpec("road", (4, 5, 6)))
    assert spec.sources["palette"] == "sidecar"
    assert spec.threshold == 0.5
