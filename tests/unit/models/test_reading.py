"""What is found out about a model, and from where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ClassSpec, ModelSpec, OutputKind
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


def test_the_name_of_a_model_is_that_of_its_file_or_the_given_one() -> None:
    assert read_model(GOLDEN).name == "with_metadata"
    assert read_model(GOLDEN, "rooms").name == "rooms"


@pytest.mark.parametrize(
    ("output", "made_by", "kind"),
    [
        (LOGITS, ["CONV_2D"], "logits"),
        (LOGITS, ["SOFTMAX"], "probabilities"),
        (LOGITS, ["SOFTMAX", "RESIZE_BILINEAR", "DEQUANTIZE"], "probabilities"),
        (LOGITS, ["SOFTMAX", "CONV_2D"], "logits"),
        (T((1, 4, 4, 2), "int8", 0.1), ["CONV_2D"], "logits"),
        (T((1, 8, 8), "int64"), ["ARG_MAX"], "labels"),
        (T((1, 8, 8, 1), "int32"), ["ARG_MAX"], "labels"),
        (T((1, 8, 8), "uint8"), ["ARG_MAX", "CAST"], "labels"),
        (T((1, 8, 8), "uint8", 1.0), ["ARG_MAX", "CAST"], "labels"),
        (T((1, 8, 8, 1)), ["LOGISTIC"], "probability"),
        (T((1, 8, 8)), ["LOGISTIC", "RESHAPE"], "probability"),
        (T((1, 8, 8, 1)), ["SomethingOwn"], "probability"),
        (T((1, 8, 8, 1), "uint8", 1 / 256), ["LOGISTIC"], "probability"),
    ],
)
def test_the_kind_of_output_is_found_from_its_shape_type_and_operators(
    read: Read, output: T, made_by: list[str], kind: str
) -> None:
    spec = read(outputs=[output], made_by=made_by)
    assert spec.output_kind == kind
    assert spec.sources["output"] == "file"


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ([T((1, 1001))], "(1, 1001) of float32"),
        ([T((1, 1, 1, 20))], "(1, 1, 1, 20)"),
        ([T((1, 10, 4)), T((1, 10))], "(1, 10, 4) of float32 and (1, 10)"),
        ([T((1, 8, 8, 1), signature=(1, -1, -1, 1))], "(1, -1, -1, 1)"),
        ([T((2, 8, 8, 4))], "(2, 8, 8, 4)"),
        ([T((1, 8, 8, 4), "int64")], "int64"),
        ([T((1, 8, 70000, 4))], "70000"),
    ],
)
def test_a_model_without_a_mask_is_refused(read: Read, outputs: list[T], found: str) -> None:
    with pytest.raises(ModelInvalid, match="not a single-image segmentation model") as caught:
        read(outputs=outputs, made_by=["LOGISTIC"])
    assert found in str(caught.value)
    assert "a mask (1, H, W, C) is needed" in str(caught.value)


def test_one_raw_score_is_refused_until_the_sidecar_calls_it_a_probability(read: Read) -> None:
    score = T((1, 8, 8, 1))
    with pytest.raises(ModelInvalid, match='write kind = "probability" under'):
        read(outputs=[score])
    spec = read(outputs=[score], sidecar=SCALED + '[output]\nkind = "probability"\n')
    assert spec.output_kind is OutputKind.PROBABILITY
    assert spec.sources["output"] == "sidecar"


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ([IMAGE, IMAGE], "2 inputs"),
        ([T((1, 3, 8, 8))], "channels first"),
        ([T((1, 8, 8, 1))], "(1, 8, 8, 1) of float32"),
        ([T((1, 8, 8, 3), "int64")], "int64"),
        ([T((1, 1, 1, 3), signature=(1, -1, -1, 3))], "no fixed size"),
        ([T((4, 8, 8, 3))], "(4, 8, 8, 3)"),
        ([T((1, 8, 100000, 3))], "100000"),
        ([T((8, 8, 3))], "(8, 8, 3)"),
    ],
)
def test_an_input_that_takes_no_picture_is_refused(read: Read, inputs: list[T], found: str) -> None:
    with pytest.raises(ModelInvalid, match=r"\(1, H, W, 3\)|no fixed size") as caught:
        read(inputs)
    assert found in str(caught.value)


def test_the_first_mask_is_served_unless_the_sidecar_wants_another(read: Read) -> None:
    outputs = [T((1, 12)), LOGITS, T((1, 4, 4, 6))]
    assert read(outputs=outputs).output_position == 1
    spec = read(outputs=outputs, sidecar=SCALED + "[output]\nindex = 2\n")
    assert spec.output_position == 2
    assert spec.output_size == (4, 4)
    assert len(spec.classes) == 6


def test_a_sidecar_that_its_model_contradicts_is_named_in_the_error(read: Read) -> None:
    for wish in ("index = 1", 'kind = "labels"'):
        with pytest.raises(ConfigError, match=r"rooms\.v2\.toml: output\."):
            read(sidecar=f"{SCALED}[output]\n{wish}\n")
    with pytest.raises(ConfigError, match=r"rooms\.v2\.toml: classes\.names has 1 .* 4 classes"):
        read(sidecar=SCALED + '[classes]\nnames = ["one"]\n')


def test_more_than_255_classes_are_refused(read: Read) -> None:
    assert len(read(outputs=[T((1, 8, 8, 255))]).classes) == 255
    with pytest.raises(ModelInvalid, match="256 classes"):
        read(outputs=[T((1, 8, 8, 256))])


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
    spec = read([T((1, 8, 8, 3), "uint8", 0.1, 100)], sidecar=SCALED)
    assert (spec.mean, spec.std) == ((127.5,) * 3, (127.5,) * 3)


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
    labels = read(outputs=[T((1, 8, 8), "int64")], made_by=["ARG_MAX"])
    assert labels.classes == ()
    assert labels.class_spec(254) == ClassSpec("class 254", (96, 224, 192))


def test_one_foreground_name_is_enough_with_a_probability(read: Read) -> None:
    output = [T((1, 8, 8, 1))]
    names = '[classes]\nnames = ["background", "road"]\npalette = [[1, 2, 3], [4, 5, 6]]\n'
    spec = read(outputs=output, made_by=["LOGISTIC"], sidecar=SCALED + names)
    assert spec.classes == (ClassSpec("background", (1, 2, 3)), ClassSpec("road", (4, 5, 6)))
    assert spec.sources["palette"] == "sidecar"
    assert spec.threshold == 0.5
