"""What a model's input takes: channels, layout, scaling."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.pixel_map import Layout, PixelMap
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from support.graph_writer import GraphWriter
from support.tflite_writer import T, write_tflite

SIDECAR = "[input]\nmean = 127.5\nstd = 127.5\n"


def read(folder: Path, data: bytes, sidecar: str = SIDECAR) -> ModelSpec:
    path = folder / "model.tflite"
    path.write_bytes(data)
    path.with_suffix(".toml").write_text(sidecar)
    return read_model(path)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 8, 12, 3), PixelMap(8, 12, 3)),
        ((8, 12, 3), PixelMap(8, 12, 3)),
        ((1, 3, 8, 12), PixelMap(8, 12, 3, Layout.CHANNELS_FIRST)),
        ((3, 8, 12), PixelMap(8, 12, 3, Layout.CHANNELS_FIRST)),
        ((1, 8, 12, 1), PixelMap(8, 12, 1)),
        ((1, 8, 12), PixelMap(8, 12, 1)),
        ((1, 1, 8, 12), PixelMap(8, 12, 1, Layout.CHANNELS_FIRST)),
        ((1, 8, 12, 4), PixelMap(8, 12, 4)),
    ],
)
def test_pictures_of_one_three_and_four_channels_go_in_either_way(
    tmp_path: Path, shape: tuple[int, ...], expected: PixelMap
) -> None:
    spec = read(tmp_path, write_tflite([T(shape)], [T((1, 8, 12, 5))]))
    assert spec.input_map == expected
    assert spec.mean == (127.5,) * expected.channels


def test_as_many_means_as_channels_are_needed(tmp_path: Path) -> None:
    gray = write_tflite([T((1, 8, 8, 1))])
    with pytest.raises(ModelInvalid, match=r"mean and std have 3 numbers, but .* 1 channels"):
        read(tmp_path, gray, "[input]\nmean = [1, 2, 3]\nstd = 4\n")


def test_a_fourth_channel_is_opaque_and_said(tmp_path: Path) -> None:
    data = write_tflite([T((1, 8, 8, 4))])
    spec = read(tmp_path, data)
    assert spec.alpha == 255
    assert "taken for alpha" in spec.notes[0]
    assert read(tmp_path, data, SIDECAR + "alpha = 7\n").alpha == 7
    with pytest.raises(ConfigError, match="for inputs of four channels"):
        read(tmp_path, write_tflite(), SIDECAR + "alpha = 7\n")


def test_a_fourth_channel_that_is_the_last_mask_is_refused_by_name(tmp_path: Path) -> None:
    graph = GraphWriter((1, 8, 8, 4), name="rgb_and_previous_mask")
    data = graph.write(graph.scores())
    with pytest.raises(ModelInvalid, match="'rgb_and_previous_mask' is not alpha"):
        read(tmp_path, data)
    assert read(tmp_path, data, SIDECAR + "alpha = 0\n").alpha == 0
    hair = '[classes]\nnames = ["background", "hair"]\n'
    graph = GraphWriter((1, 8, 8, 4))
    with pytest.raises(ModelInvalid, match="mask of the frame before"):
        read(tmp_path, graph.write(graph.scores(2)), SIDECAR + hair)


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("MUL", 1 / 255)], (0, 1)),
        ([("MUL", 1 / 127.5), ("SUB", 1.0)], (0, 1)),
        ([("SUB", 127.5), ("DIV", 127.5)], (0, 1)),
        ([("DIV", 255.0), ("SUB", MEAN), ("DIV", STD)], (0, 1)),
        ([("SUB", [123.68, 116.78, 103.94])], (0, 1)),
        ([("SUB", MEAN), ("DIV", STD)], (0, 255)),
        ([("MUL", 2.0), ("SUB", 1.0)], (0, 255)),
        ([("MUL", 127.5), ("ADD", 127.5)], (127.5, 127.5)),
    ],
)
def test_a_graph_that_scales_its_input_itself_is_recognised(
    tmp_path: Path, steps: list[tuple[str, object]], expected: tuple[float, float]
) -> None:
    graph = GraphWriter()
    last = graph.image
    for operator, number in steps:
        last = graph.add(operator, [last, graph.constant(number)], (1, 8, 8, 3))
    spec = read(tmp_path, graph.write(graph.scores(4, last)), "")
    assert spec.mean is not None
    assert spec.std is not None
    assert (spec.mean[0], spec.std[0]) == expected
    assert spec.sources["normalization"] == "file"


@pytest.mark.parametrize(
    "steps",
    [
        [("MUL", 3.0)],
        [("ADD", 0.1)],
        [("MUL", -1.0)],
        [("MUL", 0.5)],
        [("MUL", [1.0, 0.99, 1.01]), ("ADD", 0.03)],
    ],
)
def test_a_scaling_that_says_nothing_is_asked_for(
    tmp_path: Path, steps: list[tuple[str, object]]
) -> None:
    graph = GraphWriter()
    last = graph.image
    for operator, number in steps:
        last = graph.add(operator, [last, graph.constant(number)], (1, 8, 8, 3))
    with pytest.raises(ModelInvalid, match="how pixels are scaled"):
        read(tmp_path, graph.write(graph.scores(4, last)), "")


CAFFE = [103.939, 116.779, 123.68]


def test_means_of_blue_first_ask_for_the_order(tmp_path: Path) -> None:
    graph = GraphWriter()
    last = graph.add("SUB", [graph.image, graph.constant(CAFFE)], (1, 8, 8, 3))
    data = graph.write(graph.scores(4, last))
    in_sidecar = f"[input]\nmean = {CAFFE}\nstd = 1\n"
    for model, sidecar in ((data, "[input]\n"), (write_tflite(), in_sidecar)):
        with pytest.raises(ModelInvalid, match=r'input\.order = "bgr" or "rgb"'):
            read(tmp_path, model, sidecar)
        assert read(tmp_path, model, f'{sidecar}order = "bgr"\n').order == "bgr"


@pytest.mark.parametrize(
    ("scale", "zero_point", "sidecar"),
    [
        (1.0, 0, "mean = 127.5\nstd = 127.5"),
        (1 / 127.5, 127, "mean = 0\nstd = 1"),
        (1 / 256, 0, "mean = 127.5\nstd = 127.5"),
        (1 / 256, 0, "mean = 0\nstd = 1e-308"),
        (1 / 256, 0, "mean = 1e308\nstd = 1"),
    ],
)
def test_a_normalization_that_the_quantization_contradicts_is_refused(
    tmp_path: Path, scale: float, zero_point: int, sidecar: str
) -> None:
    data = write_tflite([T((1, 8, 8, 3), "uint8", scale, zero_point)])
    with pytest.raises(ModelInvalid, match="of 256 pixel values"):
        read(tmp_path, data, f"[input]\n{sidecar}\n")


def test_a_graph_that_quantizes_its_float_input_says_what_it_takes(tmp_path: Path) -> None:
    graph = GraphWriter()
    stored = graph.add(
        "QUANTIZE", [graph.image], (1, 8, 8, 3), "uint8", scale=1 / 128, zero_point=128
    )
    back = graph.add("DEQUANTIZE", [stored], (1, 8, 8, 3))
    spec = read(tmp_path, graph.write(graph.scores(4, back)), "")
    assert (spec.mean, spec.std) == ((127.5,) * 3, (127.5,) * 3)


def test_a_scaling_behind_a_transpose_is_recognised(tmp_path: Path) -> None:
    graph = GraphWriter()
    order = graph.constant([0, 3, 1, 2], "int32")
    planes = graph.add("TRANSPOSE", [graph.image, order], (1, 3, 8, 8))
    mean, std = (graph.constant([[[each]] for each in numbers]) for numbers in (MEAN, STD))
    less = graph.add("SUB", [planes, mean], (1, 3, 8, 8))
    scaled = graph.add("DIV", [less, std], (1, 3, 8, 8))
    back = graph.add("TRANSPOSE", [scaled, graph.constant([0, 2, 3, 1], "int32")], (1, 8, 8, 3))
    spec = read(tmp_path, graph.write(graph.scores(4, back)), "")
    assert spec.std == (255.0,) * 3


@pytest.mark.parametrize("name", ["rgbd_input", "rgb_nir", "image_and_depth"])
def test_a_fourth_channel_of_another_sensor_is_refused(tmp_path: Path, name: str) -> None:
    graph = GraphWriter((1, 8, 8, 4), name=name)
    with pytest.raises(ModelInvalid, match="is not alpha"):
        read(tmp_path, graph.write(graph.scores()))


@pytest.mark.parametrize("name", ["segmentation_input", "serving_channels_last_input", "rgba"])
def test_other_names_of_inputs_are_no_masks(tmp_path: Path, name: str) -> None:
    graph = GraphWriter((1, 8, 8, 4), name=name)
    assert read(tmp_path, graph.write(graph.scores())).alpha == 255
