"""Reading `.tflite` files that TensorFlow's schema classes wrote."""

from __future__ import annotations

import pytest

from edgesegd.models.spec import TensorSpec
from edgesegd.models.tflite.file import parse_tflite
from edgesegd.models.tflite.flatbuffer import Malformed
from support.tflite_writer import LOGITS, QUANTIZED_IMAGE, T, write_tflite


def test_tensors_operators_and_custom_operators_of_a_model_are_read() -> None:
    file = parse_tflite(write_tflite([QUANTIZED_IMAGE], made_by=["CONV_2D", "Sharpen"]))
    graph = file.graph
    assert graph.tensors[graph.inputs[0]].spec == TensorSpec(
        "input 0", (1, 8, 8, 3), "uint8", 1 / 128, 128
    )
    assert graph.tensors[graph.outputs[0]].spec.shape == LOGITS.shape
    assert [each.name for each in graph.operators] == ["CONV_2D", "CUSTOM"]
    assert graph.producer(graph.outputs[0]) == graph.operators[1]
    assert graph.producer(graph.inputs[0]) is None
    assert file.custom_ops == ("Sharpen",)


def test_an_operator_past_127_keeps_its_own_code() -> None:
    graph = parse_tflite(write_tflite(made_by=["STABLEHLO_LOGISTIC", "QUANTIZE"])).graph
    assert [each.name for each in graph.operators] == ["operator 162", "QUANTIZE"]


def test_metadata_of_a_model_are_read_by_name() -> None:
    file = parse_tflite(write_tflite(metadata={"min_runtime_version": b"1.5.0"}))
    assert bytes(file.metadata["min_runtime_version"]) == b"1.5.0"


def test_a_tensor_of_varying_size_is_recognised() -> None:
    varying = T((1, 1, 1, 3), signature=(-1, -1, -1, 3))
    tensor = parse_tflite(write_tflite([varying])).graph.tensors[0]
    assert not tensor.has_fixed_size
    assert str(tensor) == "(-1, -1, -1, 3) of float32"
    many_pictures = T((1, 8, 8, 3), signature=(-1, 8, 8, 3))
    assert parse_tflite(write_tflite([many_pictures])).graph.tensors[0].has_fixed_size


def test_a_model_file_cut_off_anywhere_is_malformed() -> None:
    data = write_tflite(metadata={"min_runtime_version": b"1.5.0 and so on"})
    for length in range(len(data)):
        with pytest.raises(Malformed):
            parse_tflite(data[:length])


def test_weights_shorter_than_their_shape_are_malformed() -> None:
    with pytest.raises(Malformed, match="'weights' has 63 bytes of content, but needs 64"):
        parse_tflite(write_tflite(weights=bytes(63)))


def test_weights_behind_the_flatbuffer_are_checked_too() -> None:
    inside = write_tflite(weights_place=(16, 64))
    assert parse_tflite(inside).graph.inputs == (0,)
    with pytest.raises(Malformed, match="cut off"):
        parse_tflite(write_tflite(weights_place=(len(inside), 64)))


@pytest.mark.parametrize(
    ("scale", "zero_point"),
    [(float("nan"), 0), (float("inf"), 0), (-1.0, 0), (1.0, 256), (1.0, -1)],
)
def test_an_impossible_quantization_is_malformed(scale: float, zero_point: int) -> None:
    with pytest.raises(Malformed, match=r"scale|zero point"):
        parse_tflite(write_tflite([T((1, 8, 8, 3), "uint8", scale, zero_point)]))


def test_another_version_of_the_tflite_format_is_refused() -> None:
    data = write_tflite()
    root = int.from_bytes(data[:4], "little")
    version_at = data.index((3).to_bytes(4, "little"), root)
    changed = data[:version_at] + (9).to_bytes(4, "little") + data[version_at + 4 :]
    with pytest.raises(Malformed, match="version 9"):
        parse_tflite(changed)
