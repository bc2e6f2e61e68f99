"""Small models after public reports: each is served right, or asked about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgesegd.core.errors import ModelInvalid
from edgesegd.core.options import NO_CLASS, Output, ResizePolicy, ResultOptions
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.mask import Mask, mask_reader, read_mask
from edgesegd.imaging.preprocess import Preprocessor
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from support.graph_writer import GraphWriter

pytestmark = pytest.mark.runtime
CASES = Path(__file__).parents[2] / "data" / "cases" / "models"
RUNTIME = load_runtime("auto")
SIDECAR = "[input]\nmean = 127.5\nstd = 127.5\n"

Values = npt.NDArray[Any]


def picture(size: tuple[int, int] = (64, 64)) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, (size[1], size[0], 3), np.uint8)


def serve(model: ModelSpec, pixels: npt.NDArray[np.uint8]) -> Mask:
    """The mask as an engine makes it."""
    loaded = load_on_cpu(RUNTIME, model, 1)
    Preprocessor(model).to_tensor(pixels, loaded.input())
    loaded.invoke()
    outputs = {Output.LABELS} | ({Output.CONFIDENCE_MAP} if model.has_scores else set())
    placed = fit(model.input_size, model.input_size, ResizePolicy.STRETCH)
    options = ResultOptions(outputs=frozenset(outputs))
    return read_mask(model, mask_reader(model), loaded.output(), placed, options)


def interpret(path: Path, tensor: Values, output: int = 0) -> Values:
    """What a plain interpreter gives, of the whole graph."""
    interpreter = RUNTIME.interpreter(model_content=path.read_bytes())
    details = interpreter.get_input_details()[0]
    interpreter.allocate_tensors()
    interpreter.set_tensor(details["index"], tensor.reshape(details["shape"]))
    interpreter.invoke()
    index = interpreter.get_output_details()[output]["index"]
    result: Values = interpreter.get_tensor(index).copy()
    return result


def normalized(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return ((pixels - 127.5) / 127.5).astype(np.float32)


def case(folder: Path, name: str, sidecar: str = "") -> Path:
    path = folder / f"{name}.tflite"
    shutil.copy(CASES / path.name, path)
    path.with_suffix(".toml").write_text(SIDECAR + sidecar)
    return path


def sigmoid(values: Values) -> Values:
    result: Values = 1 / (1 + np.exp(-values.astype(np.float64)))
    return result


def best_four(values: Values) -> tuple[Values, Values]:
    flat = values.reshape(-1, 4)
    powers = np.exp(flat - flat.max(axis=1, keepdims=True))
    return flat.argmax(axis=1), powers.max(axis=1) / powers.sum(axis=1)


Expected = Callable[[Values], tuple[Values, Values | None]]

SERVED: dict[str, tuple[str, str, Expected]] = {
    "argmax_i32": ("", "labels", lambda v: (v, None)),
    "argmax_float": ("", "labels", lambda v: (v, None)),
    "bool_mask": ("", "labels", lambda v: (v, None)),
    "logit_plain": (
        '[output]\nkind = "logit"\n',
        "logit",
        lambda v: (sigmoid(v) >= 0.5, np.maximum(sigmoid(v), 1 - sigmoid(v))),
    ),
    "logit_crop": (
        '[output]\nkind = "logit"\n',
        "logit",
        lambda v: (sigmoid(v) >= 0.5, np.maximum(sigmoid(v), 1 - sigmoid(v))),
    ),
    "nchw_softmax_nhwc": ("", "probabilities", lambda v: (v.argmax(-1), v.max(-1))),
    "multilabel": (
        "",
        "multilabel",
        lambda v: (np.where(v.max(-1) >= 0.5, v.argmax(-1), NO_CLASS), v.max(-1)),
    ),
    "nchw_out": ("", "logits", lambda v: best_four(np.moveaxis(v[0], 0, -1))),
    "flat_softmax": ("", "probabilities", lambda v: (v.argmax(-1), v.max(-1))),
    "int8_imagenet": ("", "logits", lambda v: (v.argmax(-1), None)),
}


@pytest.mark.parametrize("name", SERVED)
def test_a_model_from_the_field_is_served_right(tmp_path: Path, name: str) -> None:
    sidecar, kind, expected = SERVED[name]
    path = case(tmp_path, name, sidecar)
    model = read_model(path)
    assert model.output_kind == kind
    pixels = picture()
    made = serve(model, pixels)
    tensor: Values = normalized(pixels)
    if name == "int8_imagenet":
        stored = np.rint(tensor.astype(np.float64) / model.input.scale + model.input.zero_point)
        tensor = stored.clip(-128, 127).astype(np.int8)
    labels, scores = expected(interpret(path, tensor))
    np.testing.assert_array_equal(made.labels, labels.reshape(64, 64).astype(np.uint8))
    assert len(np.unique(made.labels)) > 1
    if scores is not None:
        assert made.scores is not None
        np.testing.assert_allclose(made.scores, scores.reshape(64, 64), atol=1e-5)
    if made.scores is not None:
        assert made.scores.min() >= 0
        assert made.scores.max() <= 1


@pytest.mark.parametrize("name", ["logit_plain", "logit_crop"])
def test_a_logit_is_asked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelInvalid, match=r'output\.kind = "probability" or "logit"'):
        read_model(case(tmp_path, name))


def test_a_quantized_input_of_an_unusual_range_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "int8_imagenet.tflite"
    shutil.copy(CASES / path.name, path)
    with pytest.raises(ModelInvalid, match=r"values of -2\.13 to 2\.63, .* write what it was"):
        read_model(path)


def test_ids_without_names_have_numbers_and_colours(tmp_path: Path) -> None:
    model = read_model(case(tmp_path, "argmax_i32"))
    assert [each.name for each in model.classes] == ["class 0", "class 1", "class 2", "class 3"]
    assert len({each.color for each in model.classes}) == 4


def test_of_two_outputs_the_larger_is_served(tmp_path: Path) -> None:
    path = case(tmp_path, "aux_first")
    model = read_model(path)
    assert model.output_position == 1
    pixels = picture()
    labels, scores = best_four(interpret(path, normalized(pixels), output=1))
    made = serve(model, pixels)
    np.testing.assert_array_equal(made.labels, labels.reshape(64, 64))
    assert made.scores is not None
    np.testing.assert_allclose(made.scores, scores.reshape(64, 64), atol=1e-5)


def test_one_input_channel_gets_the_luma_of_the_picture(tmp_path: Path) -> None:
    path = case(tmp_path, "gray_in")
    model = read_model(path)
    pixels = picture()
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    labels = interpret(path, normalized(luma)).argmax(-1)
    np.testing.assert_array_equal(serve(model, pixels).labels, labels[0])


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("quantized", [False, True])
def test_a_model_with_channels_first_on_both_sides_is_served(
    tmp_path: Path, classes: int, quantized: bool
) -> None:
    """As newer converters write models of PyTorch: planes in, planes out."""
    store: dict[str, Any] = {"dtype": "int8", "scale": 1 / 127.5, "zero_point": 0}
    graph = GraphWriter((1, 3, 32, 48), **(store if quantized else {}))
    source = graph.image
    if quantized:
        source = graph.add("DEQUANTIZE", [source], (1, 3, 32, 48))
    order = graph.constant([0, 2, 3, 1], "int32")
    last = graph.scores(classes, graph.add("TRANSPOSE", [source, order], (1, 32, 48, 3)))
    if classes == 1:
        last = graph.add("LOGISTIC", [last], (1, 32, 48, 1))
    back = graph.constant([0, 3, 1, 2], "int32")
    last = graph.add("TRANSPOSE", [last, back], (1, classes, 32, 48))
    path = tmp_path / "planes.tflite"
    path.write_bytes(graph.write(last))
    path.with_suffix(".toml").write_text("[input]\nmean = [127, 128, 129]\nstd = [127, 126, 125]\n")
    model, pixels = read_model(path), picture((48, 32))
    assert model.input_size == model.output_size == (48, 32)
    real = (pixels - np.array([127.0, 128, 129])) / np.array([127.0, 126, 125])
    planes = np.moveaxis(real, -1, 0)[None]
    if quantized:
        tensor: Values = np.rint(planes / model.input.scale).clip(-128, 127).astype(np.int8)
    else:
        tensor = planes.astype(np.float32)
    values = interpret(path, tensor)[0]
    labels = values[0] >= 0.5 if classes == 1 else values.argmax(axis=0)
    np.testing.assert_array_equal(serve(model, pixels).labels, labels)


def test_the_fourth_channel_is_filled_with_alpha(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 4))
    path = tmp_path / "rgba.tflite"
    path.write_bytes(graph.write(graph.scores()))
    path.with_suffix(".toml").write_text(SIDECAR)
    pixels = picture((16, 16))
    rgba = np.dstack([pixels, np.full((16, 16), 255, np.uint8)])
    labels = interpret(path, normalized(rgba))[0].argmax(-1)
    np.testing.assert_array_equal(serve(read_model(path), pixels).labels, labels)


def test_a_model_of_any_size_runs_at_the_size_that_is_set(tmp_path: Path) -> None:
    graph = GraphWriter((1, 1, 1, 3), signature=(1, -1, -1, 3))
    scores = graph.scores()
    graph.vary(scores, (1, -1, -1, 4))
    path = tmp_path / "any.tflite"
    path.write_bytes(graph.write(scores))
    path.with_suffix(".toml").write_text(SIDECAR + "size = [40, 24]\n")
    made = serve(read_model(path), picture((40, 24)))
    assert made.labels.shape == (24, 40)
    assert len(np.unique(made.labels)) == 4
    path.with_suffix(".toml").write_text(SIDECAR + "size = [40, 24]\n[output]\nshape = [12, 20]\n")
    with pytest.raises(ModelInvalid, match=r"is \(1, 24, 40, 4\), not \(1, 12, 20, 4\)"):
        load_on_cpu(RUNTIME, read_model(path), 1)


def test_a_byte_of_0_to_255_is_a_probability_of_0_to_1(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    soft = graph.add("LOGISTIC", [graph.scores(1)], (1, 16, 16, 1))
    large = graph.add("MUL", [soft, graph.constant(255.0)], (1, 16, 16, 1))
    byte = graph.add("CAST", [large], (1, 16, 16, 1), "uint8")
    path = tmp_path / "byte.tflite"
    path.write_bytes(graph.write(byte))
    path.with_suffix(".toml").write_text(SIDECAR)
    model, pixels = read_model(path), picture((16, 16))
    values = interpret(path, normalized(pixels))[0, ..., 0] / 255
    made = serve(model, pixels)
    np.testing.assert_array_equal(made.labels, values >= 0.5)
    assert made.scores is not None
    np.testing.assert_allclose(made.scores, np.maximum(values, 1 - values), atol=1e-6)


CHAINS: dict[str, tuple[str, float]] = {
    "float of 0 to 100": ("float", 100.0),
    "float, before a resize": ("resized", 255.0),
    "uint8 of 0 to 255, quantized": ("quantized", 255.0),
    "int16": ("int16", 1.0),
}


@pytest.mark.parametrize("what", CHAINS)
def test_probabilities_are_read_in_their_own_unit(tmp_path: Path, what: str) -> None:
    way, unit = CHAINS[what]
    graph = GraphWriter((1, 16, 16, 3))
    last = graph.add("LOGISTIC", [graph.scores(1)], (1, 16, 16, 1))
    if unit != 1:
        last = graph.add("MUL", [last, graph.constant(unit)], (1, 16, 16, 1))
    more: dict[str, Any] = {}
    if way == "resized":
        last = graph.add(
            "RESIZE_BILINEAR", [last, graph.constant([16, 16], "int32")], (1, 16, 16, 1)
        )
    elif way == "quantized":
        last = graph.add("QUANTIZE", [last], (1, 16, 16, 1), "uint8", scale=1.0)
    elif way == "int16":
        more = {"scale": 1 / 32768}
        last = graph.add("QUANTIZE", [last], (1, 16, 16, 1), "int16", **more)
    path = tmp_path / "unit.tflite"
    path.write_bytes(graph.write(last))
    path.with_suffix(".toml").write_text(SIDECAR)
    model, pixels = read_model(path), picture((16, 16))
    values = interpret(path, normalized(pixels))[0, ..., 0].astype(np.float64)
    values = values * more.get("scale", 1.0) / unit
    made = serve(model, pixels)
    np.testing.assert_array_equal(made.labels, values >= 0.5)
    assert len(np.unique(made.labels)) == 2
    assert made.scores is not None
    np.testing.assert_allclose(made.scores, np.maximum(values, 1 - values), atol=1e-5)


def test_ids_with_a_zero_point_are_their_real_values(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    ids = graph.add("ARG_MAX", [graph.scores(), graph.constant(3, "int32")], (1, 16, 16), "int32")
    real = graph.add("CAST", [ids], (1, 16, 16))
    stored = graph.add("QUANTIZE", [real], (1, 16, 16), "int8", scale=1.0, zero_point=-128)
    path = tmp_path / "ids.tflite"
    path.write_bytes(graph.write(stored))
    path.with_suffix(".toml").write_text(SIDECAR)
    pixels = picture((16, 16))
    labels = interpret(path, normalized(pixels))[0].astype(np.int32) + 128
    np.testing.assert_array_equal(serve(read_model(path), pixels).labels, labels)


def test_a_model_that_takes_blue_first_gets_blue_first(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    path = tmp_path / "bgr.tflite"
    path.write_bytes(graph.write(graph.scores()))
    path.with_suffix(".toml").write_text(
        '[input]\nmean = [103, 116, 123]\nstd = [57, 58, 59]\norder = "bgr"\n'
    )
    pixels = picture((16, 16))
    real = (pixels[..., ::-1] - np.array([103.0, 116, 123])) / np.array([57.0, 58, 59])
    labels = interpret(path, real.astype(np.float32))[0].argmax(-1)
    np.testing.assert_array_equal(serve(read_model(path), pixels).labels, labels)


def test_a_compiled_file_means_what_its_plain_twin_means(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3), "uint8", scale=1 / 128, zero_point=128)
    shape = (1, 16, 16, 4)
    compiled = graph.add("edgetpu-custom-op", [graph.image], shape, "uint8", scale=1 / 256)
    path = tmp_path / "x_edgetpu.tflite"
    path.write_bytes(graph.write(compiled))
    with pytest.raises(ModelInvalid, match="meaning is not known"):
        read_model(path)
    plain = GraphWriter((1, 16, 16, 3), "uint8", scale=1 / 128, zero_point=128)
    real = plain.add("DEQUANTIZE", [plain.image], (1, 16, 16, 3))
    sigmoids = plain.add("LOGISTIC", [plain.scores(4, real)], shape)
    quantized = plain.add("QUANTIZE", [sigmoids], shape, "uint8", scale=1 / 256)
    (tmp_path / "x.tflite").write_bytes(plain.write(quantized))
    model = read_model(path)
    assert model.output_kind == "multilabel"
    assert model.proof == "as x.tflite, made by LOGISTIC"


def test_scores_of_which_the_ids_are_another_output_are_run(tmp_path: Path) -> None:
    """As of DeepLab with its scores and its ids: the end of the graph is needed for both."""
    graph = GraphWriter((1, 8, 8, 3))
    large = graph.add(
        "RESIZE_BILINEAR", [graph.scores(), graph.constant([32, 32], "int32")], (1, 32, 32, 4)
    )
    ids = graph.add("ARG_MAX", [large, graph.constant(3, "int32")], (1, 32, 32), "int64")
    path = tmp_path / "both.tflite"
    path.write_bytes(graph.write(large, ids))
    path.with_suffix(".toml").write_text(SIDECAR)
    model, pixels = read_model(path), picture((8, 8))
    assert (model.output_position, model.upsampling) == (0, None)
    expected = interpret(path, normalized(pixels), output=1)[0]
    np.testing.assert_array_equal(serve(model, pixels).labels, expected)


def test_compiled_files_that_name_each_other_as_twins_are_asked_about(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3), "uint8", scale=1 / 128, zero_point=128)
    output = graph.add("edgetpu-custom-op", [graph.image], (1, 16, 16, 4), "uint8", scale=0.1)
    for name, other in (("a", "b"), ("b", "a"), ("c", "c")):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(graph.write(output))
        path.with_suffix(".toml").write_text(f'[pair]\ncpu = "{other}.tflite"\n')
    for name in "abc":
        with pytest.raises(ModelInvalid, match="meaning is not known"):
            read_model(tmp_path / f"{name}.tflite")
