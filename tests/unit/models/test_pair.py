"""Which file of a pair runs where, and what is no pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edgesegd.core.errors import ModelInvalid, ModelMissing, ModelUnsupported
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.models.pair import ModelPair, find_pair
from edgesegd.models.reading import read_model
from support.tflite_writer import LOGITS, QUANTIZED_IMAGE, T, write_tflite

LABELS = T((1, 8, 8), "int32")


LOGITS_KIND = 'output = { kind = "logits" }\n'


def plain(path: Path, *, image: T = QUANTIZED_IMAGE, mask: T = LOGITS) -> Path:
    made_by = "SomethingOwn" if mask is LABELS else "CONV_2D"
    path.write_bytes(write_tflite([image], [mask], [made_by]))
    return path


def compiled(path: Path, *, image: T = QUANTIZED_IMAGE, mask: T = LOGITS) -> Path:
    path.write_bytes(write_tflite([image], [mask], ("edgetpu-custom-op",)))
    if not (sidecar := path.with_suffix(".toml")).exists():
        sidecar.write_text(LOGITS_KIND)
    return path


def names(path: Path, classes: Sequence[str]) -> None:
    path.with_suffix(".toml").write_text(f"[classes]\nnames = {list(classes)!r}\n")


def pair_of(path: Path) -> ModelPair:
    return find_pair(read_model(path))


def runs(pair: ModelPair, delegate: str) -> str:
    return pair.for_delegate(parse_delegate(delegate)).path.name


@pytest.mark.parametrize("served", ["x.tflite", "x_edgetpu.tflite"])
def test_each_delegate_runs_its_own_model_of_a_pair(tmp_path: Path, served: str) -> None:
    plain(tmp_path / "x.tflite")
    compiled(tmp_path / "x_edgetpu.tflite")
    pair = pair_of(tmp_path / served)
    assert pair.served.path.name == served
    assert pair.ignored == ""
    for delegate in ("cpu", "tflite-gpu", "armnn:backends=CpuAcc"):
        assert runs(pair, delegate) == "x.tflite"
    for delegate in ("edgetpu", "edgetpu:usb:1", "edgetpu:pci:0"):
        assert runs(pair, delegate) == "x_edgetpu.tflite"
    assert runs(pair, "/opt/libmine.so") == served
    assert runs(pair, "/opt/libedgetpu.so.1") == served


def test_the_sidecar_names_the_twin_of_a_compiled_model(tmp_path: Path) -> None:
    plain(tmp_path / "other.tflite")
    plain(tmp_path / "x.tflite")
    served = compiled(tmp_path / "x_edgetpu.tflite")
    served.with_suffix(".toml").write_text('pair = { cpu = "other.tflite" }')
    assert pair_of(served).cpu.path.name == "other.tflite"
    alone = pair_of(tmp_path / "x.tflite")
    assert alone.compiled is None
    assert "x_edgetpu.tflite has another twin: " in alone.ignored


def test_a_plain_model_alone_runs_on_every_delegate(tmp_path: Path) -> None:
    pair = pair_of(plain(tmp_path / "x.tflite"))
    assert pair == ModelPair(pair.served, pair.served)
    assert runs(pair, "edgetpu") == runs(pair, "cpu") == "x.tflite"


def test_a_compiled_model_alone_says_what_to_write(tmp_path: Path) -> None:
    pair = pair_of(compiled(tmp_path / "x_edgetpu.tflite"))
    for delegate in ("edgetpu", "armnn", "libmine.so"):
        assert runs(pair, delegate) == "x_edgetpu.tflite"
    with pytest.raises(ModelUnsupported) as failure:
        pair.for_delegate(DelegateSpec())
    assert str(failure.value) == (
        f"{tmp_path}/x_edgetpu.tflite is compiled for an Edge TPU, and its twin for the CPU is not "
        "known: put it beside it as x.tflite, or name it in x_edgetpu.toml: "
        'pair = { cpu = "NAME.tflite" }'
    )
    odd = pair_of(compiled(tmp_path / "odd.tflite"))
    with pytest.raises(ModelUnsupported, match=r"not known: name it in odd\.toml: "):
        _ = odd.cpu


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image": T((1, 9, 8, 3), "uint8", 1, 0)}, "their inputs are 8x8 and 8x9"),
        ({"mask": T((1, 4, 4, 4))}, "their outputs are 8x8 and 4x4"),
        ({"mask": LABELS}, "their kinds of output are logits and labels"),
        ({"mask": T((1, 8, 8, 5))}, "their classes are 4 and 5"),
    ],
)
def test_two_models_that_differ_are_no_pair(
    tmp_path: Path, changes: dict[str, T], told: str
) -> None:
    """An error where a sidecar says that it is one, else no more than ignored."""
    served = compiled(tmp_path / "x_edgetpu.tflite")
    other = plain(tmp_path / "x.tflite", **changes)
    whole = f"{served} and {other} are no pair: {told}"
    for path in (served, other):
        pair = pair_of(path)
        assert pair.ignored == whole
        assert (pair.plain, pair.compiled).count(None) == 1
    with pytest.raises(ModelUnsupported) as unknown:
        _ = pair_of(served).cpu
    assert told in str(unknown.value)
    served.with_suffix(".toml").write_text(f'pair = {{ cpu = "x.tflite" }}\n{LOGITS_KIND}')
    with pytest.raises(ModelInvalid) as failure:
        pair_of(served)
    assert str(failure.value) == whole


def test_the_classes_of_a_pair_are_compared_where_both_have_names(tmp_path: Path) -> None:
    served, twin = compiled(tmp_path / "x_edgetpu.tflite"), plain(tmp_path / "x.tflite")
    names(served, "abcd")
    assert pair_of(served).plain
    names(twin, "abxd")
    assert pair_of(served).ignored.endswith("their classes are 'c' and 'x' at 2")
    names(twin, "abcd")
    assert pair_of(served).plain


def test_the_models_of_a_pair_may_store_their_numbers_differently(tmp_path: Path) -> None:
    twin = plain(tmp_path / "x.tflite", image=T((1, 8, 8, 3)))
    twin.with_suffix(".toml").write_text("input = { mean = 0, std = 255 }")
    served = compiled(tmp_path / "x_edgetpu.tflite", mask=T((1, 8, 8, 4), "uint8", 0.1, 3))
    assert pair_of(served).cpu.input.dtype == "float32"


def test_a_plain_model_with_the_name_of_a_compiled_one_is_ignored_with_the_reason(
    tmp_path: Path,
) -> None:
    served = plain(tmp_path / "x.tflite")
    plain(tmp_path / "x_edgetpu.tflite")
    assert "x_edgetpu.tflite and" in (why := pair_of(served).ignored)
    assert why.endswith("are no pair: the first is not compiled for an Edge TPU")
    (tmp_path / "x_edgetpu.tflite").write_text("gone")
    assert "is a text file" in pair_of(served).ignored


def test_a_file_that_only_its_name_says_is_for_an_edge_tpu_has_a_note(tmp_path: Path) -> None:
    (note,) = read_model(plain(tmp_path / "x_edgetpu.tflite")).notes
    assert note.startswith("it is named like a model for an Edge TPU, but none of its operators")
    assert not read_model(plain(tmp_path / "x.tflite")).notes
    assert not read_model(compiled(tmp_path / "y_edgetpu.tflite")).notes


def test_a_twin_named_in_the_sidecar_must_exist_and_be_plain(tmp_path: Path) -> None:
    served = compiled(tmp_path / "x.tflite")
    served.with_suffix(".toml").write_text(f'pair = {{ cpu = "y.tflite" }}\n{LOGITS_KIND}')
    with pytest.raises(ModelMissing):
        pair_of(served)
    compiled(tmp_path / "y.tflite")
    with pytest.raises(ModelInvalid, match="the second is compiled for an Edge TPU too"):
        pair_of(served)


@pytest.mark.realmodel
def test_the_published_quantized_deeplab_is_a_pair(shared_dir: Path) -> None:
    name = "deeplabv3_mnv2_dm05_pascal_quant"
    for served in (f"{name}.tflite", f"{name}_edgetpu.tflite"):
        pair = pair_of(shared_dir / "models" / served)
        assert runs(pair, "cpu") == f"{name}.tflite"
        assert runs(pair, "edgetpu") == f"{name}_edgetpu.tflite"
