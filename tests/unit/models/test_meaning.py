"""What the values of an output mean is proven from the graph, or asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.pixel_map import Layout, PixelMap
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from support.graph_writer import GraphWriter

SIDECAR = "[input]\nmean = 127.5\nstd = 127.5\n"
MAP = (1, 8, 8, 4)
ONE = (1, 8, 8, 1)

Chain = Callable[[GraphWriter], int]


def read(folder: Path, data: bytes, sidecar: str = "") -> ModelSpec:
    path = folder / "model.tflite"
    path.write_bytes(data)
    path.with_suffix(".toml").write_text(SIDECAR + sidecar)
    return read_model(path)


def of_chain(folder: Path, chain: Chain, sidecar: str = "") -> ModelSpec:
    graph = GraphWriter()
    return read(folder, graph.write(chain(graph)), sidecar)


def softmax(g: GraphWriter, source: int | None = None) -> int:
    return g.add("SOFTMAX", [g.scores() if source is None else source], MAP)


def sigmoid(g: GraphWriter, classes: int = 1) -> int:
    return g.add("LOGISTIC", [g.scores(classes)], (1, 8, 8, classes))


def ids(g: GraphWriter, dtype: str = "int64") -> int:
    return g.add("ARG_MAX", [g.scores(), g.constant(3, "int32")], (1, 8, 8), dtype)


def cut(g: GraphWriter, source: int, begin: tuple[int, ...], size: tuple[int, ...]) -> int:
    return g.add("SLICE", [source, g.constant(begin, "int32"), g.constant(size, "int32")], size)


def times(g: GraphWriter, source: int, factor: float, shape: tuple[int, ...] = ONE) -> int:
    return g.add("MUL", [source, g.constant(factor)], shape)


def to_first(g: GraphWriter, source: int) -> int:
    return g.add("TRANSPOSE", [source, g.constant([0, 3, 1, 2], "int32")], (1, 4, 8, 8))


def shares(g: GraphWriter) -> int:
    powers = g.add("EXP", [g.scores()], MAP)
    total = g.add("SUM", [powers, g.constant([3], "int32")], ONE)
    return g.add("DIV", [powers, total], MAP)


def nearly(g: GraphWriter, source: int) -> int:
    """As Keras clips for its loss."""
    low, high = g.constant(1e-7), g.constant(1 - 1e-7)
    return g.add("MINIMUM", [g.add("MAXIMUM", [source, low], ONE), high], ONE)


def quantized(g: GraphWriter, source: int, dtype: str, scale: float, zero_point: int = 0) -> int:
    shape = g.shape(source)
    return g.add("QUANTIZE", [source], shape, dtype, scale=scale, zero_point=zero_point)


def blurred(g: GraphWriter, source: int) -> int:
    shape = g.shape(source)
    kernel = g.constant(np.full((1, 3, 3, shape[-1]), 1 / 9))
    bias = g.constant(np.zeros(shape[-1]))
    return g.add("DEPTHWISE_CONV_2D", [source, kernel, bias], shape)


def enlarged(g: GraphWriter, source: int, classes: int) -> int:
    """By a transposed convolution, here to the same size."""
    shape = (*g.shape(source)[:-1], classes)
    weights = g.constant(np.ones((classes, 3, 3, g.shape(source)[-1])))
    return g.add("TRANSPOSE_CONV", [g.constant(shape, "int32"), weights, source], shape)


def gated(g: GraphWriter, features: int) -> int:
    """As squeeze and excite, and x * sigmoid(x) do."""
    shape = g.shape(features)
    return g.add("MUL", [features, g.add("LOGISTIC", [features], shape)], shape)


def one_of_two_comparisons(g: GraphWriter, at: int) -> int:
    """Whether the sigmoid of that class is over a half."""
    return g.add(
        "SLICE",
        [
            g.add("GREATER", [sigmoid(g, 2), g.constant(0.5)], (1, 8, 8, 2), "bool"),
            g.constant([0, 0, 0, at], "int32"),
            g.constant(ONE, "int32"),
        ],
        ONE,
        "bool",
    )


def one_of(g: GraphWriter, source: int, at: int) -> int:
    return cut(g, source, (0, 0, 0, at), ONE)


def bent(g: GraphWriter, source: int, curve: str = "LEAKY_RELU") -> int:
    return g.add(curve, [source], g.shape(source))


PROVEN: dict[str, tuple[Chain, str]] = {
    "features that are gated, then blurred": (
        lambda g: blurred(g, gated(g, g.scores())),
        "logits",
    ),
    "features behind a sigmoid, then a convolution of another number of channels": (
        lambda g: g.scores(5, sigmoid(g, 4)),
        "logits",
    ),
    "features behind a sigmoid, then one of as many": (
        lambda g: g.scores(4, sigmoid(g, 4)),
        "logits",
    ),
    "probabilities that a transposed convolution makes other classes of": (
        lambda g: enlarged(g, sigmoid(g, 4), 5),
        "logits",
    ),
    "scores that a transposed convolution enlarges": (
        lambda g: enlarged(g, g.scores(), 4),
        "logits",
    ),
    "scores that are blurred": (lambda g: blurred(g, g.scores()), "logits"),
    "a curve of a blur of scores": (lambda g: bent(g, blurred(g, g.scores())), "logits"),
    "a curve that leaves probabilities as they are": (
        lambda g: bent(g, softmax(g)),
        "probabilities",
    ),
    "a curve that leaves sigmoids as they are": (lambda g: bent(g, sigmoid(g, 4)), "multilabel"),
    "the sigmoid of the second of two scores": (
        lambda g: g.add("LOGISTIC", [one_of(g, g.scores(2), 1)], ONE),
        "probability",
    ),
    "the second of two comparisons": (
        lambda g: one_of_two_comparisons(g, 1),
        "labels",
    ),
    "a quantized sigmoid whose numbers are the same after a move": (
        lambda g: g.add(
            "RESHAPE",
            [quantized(g, sigmoid(g), "uint8", 1 / 256), g.constant((1, 8, 8), "int32")],
            (1, 8, 8),
            "uint8",
            scale=1 / 256,
        ),
        "probability",
    ),
    "ids that are quantized in fine steps": (
        lambda g: quantized(g, g.add("CAST", [ids(g)], (1, 8, 8)), "uint8", 0.5),
        "labels",
    ),
    "ids that are cast to bytes": (
        lambda g: g.add("CAST", [ids(g)], (1, 8, 8), "uint8", scale=1.0),
        "labels",
    ),
    "a convolution": (lambda g: g.scores(), "logits"),
    "a softmax": (softmax, "probabilities"),
    "a softmax that is resized": (
        lambda g: g.add("RESIZE_BILINEAR", [softmax(g), g.constant([8, 8], "int32")], MAP),
        "probabilities",
    ),
    "a softmax that is padded and cropped": (
        lambda g: cut(
            g,
            g.add(
                "PAD",
                [softmax(g), g.constant([[0, 0], [1, 1], [1, 1], [0, 0]], "int32")],
                (1, 10, 10, 4),
            ),
            (0, 1, 1, 0),
            MAP,
        ),
        "probabilities",
    ),
    "a softmax moved to channels first": (lambda g: to_first(g, softmax(g)), "probabilities"),
    "a softmax laid flat": (
        lambda g: g.add("RESHAPE", [softmax(g), g.constant([1, 64, 4], "int32")], (1, 64, 4)),
        "probabilities",
    ),
    "a softmax that is clipped": (
        lambda g: g.add("MINIMUM", [softmax(g), g.constant(1.0)], MAP),
        "probabilities",
    ),
    "a softmax in pieces": (shares, "probabilities"),
    "several sigmoids": (lambda g: sigmoid(g, 4), "multilabel"),
    "sigmoids side by side": (
        lambda g: g.add("CONCATENATION", [sigmoid(g), sigmoid(g)], (1, 8, 8, 2)),
        "multilabel",
    ),
    "one sigmoid": (sigmoid, "probability"),
    "a sigmoid of 0 to 255": (lambda g: times(g, sigmoid(g), 255), "probability"),
    "the second class of two": (
        lambda g: cut(g, g.add("SOFTMAX", [g.scores(2)], (1, 8, 8, 2)), (0, 0, 0, 1), (1, 8, 8, 1)),
        "probability",
    ),
    "a hard sigmoid": (
        lambda g: times(
            g, g.add("RELU6", [g.add("ADD", [g.scores(1), g.constant(3.0)], ONE)], ONE), 1 / 6
        ),
        "probability",
    ),
    "a score clipped to 0 to 1": (
        lambda g: g.add(
            "MINIMUM",
            [g.add("MAXIMUM", [g.scores(1), g.constant(0.0)], ONE), g.constant(1.0)],
            ONE,
        ),
        "probability",
    ),
    "a sigmoid clipped to nearly 0 and 1": (lambda g: nearly(g, sigmoid(g)), "probability"),
    "MediaPipe's transposed convolution": (
        lambda g: g.add("Convolution2DTransposeBias", [g.scores()], MAP),
        "logits",
    ),
    "ids": (ids, "labels"),
    "ids as float": (lambda g: g.add("CAST", [ids(g)], (1, 8, 8)), "labels"),
    "ids as int16": (lambda g: g.add("CAST", [ids(g)], (1, 8, 8), "int16"), "labels"),
    "ids resized to the nearest": (
        lambda g: g.add(
            "RESIZE_NEAREST_NEIGHBOR",
            [
                g.add("RESHAPE", [ids(g), g.constant(ONE, "int32")], ONE, "int64"),
                g.constant([8, 8], "int32"),
            ],
            ONE,
            "int64",
        ),
        "labels",
    ),
    "a comparison": (
        lambda g: g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool"),
        "labels",
    ),
    "a comparison as int8": (
        lambda g: g.add(
            "CAST",
            [g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool")],
            ONE,
            "int8",
        ),
        "labels",
    ),
    "a comparison as 0 and 255": (
        lambda g: times(
            g,
            g.add("CAST", [g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool")], ONE),
            255,
        ),
        "probability",
    ),
    "a rounded sigmoid": (lambda g: g.add("ROUND", [sigmoid(g)], ONE), "labels"),
}


@pytest.mark.parametrize("what", PROVEN)
def test_values_are_followed_to_what_they_mean(tmp_path: Path, what: str) -> None:
    chain, kind = PROVEN[what]
    spec = of_chain(tmp_path, chain)
    assert spec.output_kind == kind
    assert spec.output_size == (8, 8)
    assert spec.sources["kind"] == "file"


def seen_as(g: GraphWriter, factor: float, dtype: str = "uint8") -> int:
    """Yes and no, to be looked at."""
    yes = g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool")
    return g.add("CAST", [times(g, g.add("CAST", [yes], ONE), factor)], ONE, dtype)


def through(g: GraphWriter, count: int, last: int) -> int:
    for _ in range(count):
        last = g.add("RESHAPE", [last, g.constant((1, 8, 8), "int32")], (1, 8, 8), "int64")
    return last


UNITS: dict[str, tuple[Chain, float]] = {
    "percent": (lambda g: times(g, sigmoid(g), 100), 100),
    "nine tenths of a sigmoid": (lambda g: times(g, sigmoid(g), 0.9), 0.9),
    "two sigmoids of 0 to 255": (lambda g: times(g, sigmoid(g, 2), 255, (1, 8, 8, 2)), 255),
    "a softmax of 0 to 1000": (lambda g: times(g, softmax(g), 1000, MAP), 1000),
    "no and yes as 0 and 15": (lambda g: seen_as(g, 15), 15),
    "no and yes as 0 and 255 in int32": (lambda g: seen_as(g, 255, "int32"), 255),
    "0 to 255, quantized": (
        lambda g: g.add("QUANTIZE", [times(g, sigmoid(g), 255)], ONE, "uint8", scale=1.0),
        255,
    ),
    "a choice of 0 or 7": (
        lambda g: g.add(
            "SELECT_V2",
            [
                g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool"),
                g.constant(7.0),
                g.constant(0.0),
            ],
            ONE,
        ),
        7,
    ),
}


@pytest.mark.parametrize("what", UNITS)
def test_the_value_that_means_a_probability_of_1_is_followed(tmp_path: Path, what: str) -> None:
    chain, unit = UNITS[what]
    assert of_chain(tmp_path, chain).unit == pytest.approx(unit)


ASKED: dict[str, tuple[Chain, str]] = {
    "the stored numbers of a quantized sigmoid": (
        lambda g: g.add("CAST", [quantized(g, sigmoid(g), "uint8", 1 / 256)], ONE),
        "CAST of quantized numbers",
    ),
    "the stored numbers of quantized scores": (
        lambda g: g.add("CAST", [quantized(g, g.scores(), "int8", 0.05, 3)], MAP),
        "CAST of quantized numbers",
    ),
    "the stored numbers of a quantized softmax as integers": (
        lambda g: g.add("CAST", [quantized(g, softmax(g), "int8", 1 / 256, -128)], MAP, "uint8"),
        "CAST of quantized numbers",
    ),
    "a sigmoid times the stored number of a quantized constant": (
        lambda g: g.add(
            "MUL",
            [
                sigmoid(g),
                g.add("CAST", [g.constant([255], "uint8", scale=1 / 255)], (1,)),
            ],
            ONE,
        ),
        "meaning is not known",
    ),
    "ids in a tensor that has a quantization": (
        lambda g: g.add("CAST", [ids(g)], (1, 8, 8), "uint8", scale=0.05),
        "CAST of quantized numbers",
    ),
    "a sigmoid that a move puts into another quantization": (
        lambda g: g.add(
            "RESHAPE",
            [quantized(g, sigmoid(g), "uint8", 1 / 256), g.constant((1, 8, 8), "int32")],
            (1, 8, 8),
            "uint8",
            scale=0.05,
        ),
        "to another quantization",
    ),
    "ids that are quantized in steps of two": (
        lambda g: quantized(g, g.add("CAST", [ids(g)], (1, 8, 8)), "uint8", 2.0),
        "QUANTIZE in steps of 2",
    ),
    "a sigmoid that is quantized to no or more than yes": (
        lambda g: quantized(g, sigmoid(g), "uint8", 1.5),
        "QUANTIZE in steps of 1.5",
    ),
    "the sigmoid of the first of two scores": (
        lambda g: g.add("LOGISTIC", [one_of(g, g.scores(2), 0)], ONE),
        "the first of several classes",
    ),
    "the sigmoid of the first score behind a curve": (
        lambda g: g.add("LOGISTIC", [bent(g, one_of(g, g.scores(2), 0))], ONE),
        "the first of several classes",
    ),
    "the sigmoid of the first score, which is gathered": (
        lambda g: g.add(
            "LOGISTIC",
            [g.add("GATHER", [g.scores(2), g.constant([0], "int32")], ONE, options={"axis": 3})],
            ONE,
        ),
        "the first of several classes",
    ),
    "the sigmoid of the first score, which is unpacked": (
        lambda g: g.add(
            "LOGISTIC",
            [g.add_several("UNPACK", [g.scores(2)], [(1, 8, 8)] * 2, {"num": 2, "axis": 3})[0]],
            (1, 8, 8),
        ),
        "the first of several classes",
    ),
    "the first of two comparisons": (
        lambda g: one_of_two_comparisons(g, 0),
        "of some classes",
    ),
    "the first of two sigmoids that are rounded": (
        lambda g: one_of(g, g.add("ROUND", [sigmoid(g, 2)], (1, 8, 8, 2)), 0),
        "of some classes",
    ),
    "sigmoids that are blurred": (
        lambda g: blurred(g, sigmoid(g, 4)),
        "DEPTHWISE_CONV_2D of LOGISTIC",
    ),
    "a softmax that is blurred": (lambda g: blurred(g, softmax(g)), "DEPTHWISE_CONV_2D of SOFTMAX"),
    "a softmax that a transposed convolution enlarges": (
        lambda g: enlarged(g, softmax(g), 4),
        "TRANSPOSE_CONV of SOFTMAX",
    ),
    "a softmax that a convolution blurs": (
        lambda g: g.add(
            "CONV_2D",
            [softmax(g), g.constant(np.eye(4).reshape(4, 1, 1, 4)), g.constant(np.zeros(4))],
            MAP,
        ),
        "CONV_2D of SOFTMAX",
    ),
    "a curve of a blur of sigmoids": (
        lambda g: bent(g, blurred(g, sigmoid(g, 4)), "TANH"),
        "TANH",
    ),
    "a curve that changes sigmoids": (
        lambda g: bent(g, sigmoid(g, 4), "HARD_SWISH"),
        "HARD_SWISH of LOGISTIC",
    ),
    "a sigmoid of a sigmoid": (
        lambda g: g.add("LOGISTIC", [sigmoid(g)], ONE),
        "LOGISTIC of LOGISTIC",
    ),
    "scores that are mirrored": (
        lambda g: g.add(
            "STRIDED_SLICE",
            [
                g.scores(),
                g.constant([0, 0, -1, 0], "int32"),
                g.constant([1, 8, -9, 4], "int32"),
                g.constant([1, 1, -1, 1], "int32"),
            ],
            MAP,
        ),
        "turns them around",
    ),
    "one score": (lambda g: g.scores(1), 'output.kind = "probability" or "logit"'),
    "one score that is not negative": (
        lambda g: g.add("RELU", [g.scores(1)], ONE),
        "nothing bounds it",
    ),
    "the probability of the background": (
        lambda g: cut(g, g.add("SOFTMAX", [g.scores(2)], (1, 8, 8, 2)), (0, 0, 0, 0), ONE),
        "of some classes",
    ),
    "one less a sigmoid": (
        lambda g: g.add("SUB", [g.constant(1.0), sigmoid(g)], ONE),
        "meaning is not known",
    ),
    "a tanh": (lambda g: g.add("TANH", [g.scores(1)], ONE), "TANH"),
    "the score of one class of several": (
        lambda g: cut(g, g.scores(), (0, 0, 0, 2), ONE),
        "some classes' scores",
    ),
    "a sigmoid that was moved": (
        lambda g: g.add("ADD", [times(g, sigmoid(g), 0.5), g.constant(0.5)], ONE),
        "meaning is not known",
    ),
    "a sigmoid of which the lower half is cut off": (
        lambda g: g.add("RELU", [g.add("SUB", [sigmoid(g), g.constant(0.5)], ONE)], ONE),
        "meaning is not known",
    ),
    "yes and no, plus one": (
        lambda g: g.add("ADD", [g.add("ROUND", [sigmoid(g)], ONE), g.constant(1.0)], ONE),
        "meaning is not known",
    ),
    "a positive score that storage bounds": (
        lambda g: g.add(
            "QUANTIZE", [g.add("RELU", [g.scores(1)], ONE)], ONE, "uint8", scale=1 / 256
        ),
        "nothing bounds it",
    ),
    "whether it is the background": (
        lambda g: g.add(
            "GREATER",
            [
                cut(g, g.add("SOFTMAX", [g.scores(2)], (1, 8, 8, 2)), (0, 0, 0, 0), ONE),
                g.constant(0.5),
            ],
            ONE,
            "bool",
        ),
        'output.kind = "labels"',
    ),
    "an operator of its own that may be a softmax or sigmoids": (
        lambda g: g.add("SomethingOwn", [g.scores()], MAP, "uint8", scale=1 / 256),
        "from CUSTOM",
    ),
    "ids behind more operators than are followed": (
        lambda g: through(g, 80, ids(g)),
        "that only change values",
    ),
    "three scores as large as the picture": (lambda g: g.scores(3), "colours of a picture"),
    "yes and no as a white picture": (
        lambda g: g.add(
            "SELECT_V2",
            [
                g.add("GREATER", [sigmoid(g), g.constant(0.5)], ONE, "bool"),
                g.constant([255.0] * 3),
                g.constant(0.0),
            ],
            (1, 8, 8, 3),
        ),
        "colours of a picture",
    ),
    "whether it is the first id of several that begin with 1": (
        lambda g: g.add(
            "EQUAL",
            [
                g.add("ADD", [g.add("CAST", [ids(g)], (1, 8, 8)), g.constant(1.0)], (1, 8, 8)),
                g.constant(1.0),
            ],
            (1, 8, 8),
            "bool",
        ),
        'output.kind = "labels"',
    ),
    "0 to 255 in int8": (
        lambda g: g.add("CAST", [times(g, sigmoid(g), 255)], ONE, "int8"),
        "cannot hold 255",
    ),
    "0 to 255, quantized to less": (
        lambda g: g.add("QUANTIZE", [times(g, sigmoid(g), 255)], ONE, "int8", scale=1.0),
        "cannot hold 255",
    ),
    "ids and a half": (
        lambda g: g.add("ADD", [g.add("CAST", [ids(g)], (1, 8, 8)), g.constant(0.5)], (1, 8, 8)),
        "meaning is not known",
    ),
    "an operator of an Edge TPU": (
        lambda g: g.add("edgetpu-custom-op", [g.scores()], MAP, "uint8", scale=0.1),
        "edgetpu-custom-op",
    ),
    "a comparison the other way round": (
        lambda g: g.add("LESS", [sigmoid(g), g.constant(0.5)], ONE, "bool"),
        'output.kind = "labels"',
    ),
    "ids between which a resize interpolates": (
        lambda g: g.add(
            "RESIZE_BILINEAR",
            [
                g.add(
                    "RESHAPE",
                    [g.add("CAST", [ids(g)], (1, 8, 8)), g.constant(ONE, "int32")],
                    ONE,
                ),
                g.constant([8, 8], "int32"),
            ],
            ONE,
        ),
        "RESIZE_BILINEAR of class ids",
    ),
    "ids that are multiplied to be seen": (
        lambda g: times(g, g.add("CAST", [ids(g)], (1, 8, 8)), 80.0, (1, 8, 8)),
        "meaning is not known",
    ),
    "an operator of its own": (
        lambda g: g.add("SomethingOwn", [g.scores(1)], ONE),
        "from CUSTOM",
    ),
    "three sigmoids, or a picture": (lambda g: sigmoid(g, 3), "colours of a picture"),
    "three channels of -1 to 1, a picture": (
        lambda g: g.add("TANH", [g.scores(3)], (1, 8, 8, 3)),
        "colours of a picture",
    ),
    "a picture twice as large": (
        lambda g: g.add("DEPTH_TO_SPACE", [g.scores(12)], (1, 16, 16, 3), options={"blockSize": 2}),
        "colours of a picture",
    ),
    "the picture with something added": (
        lambda g: g.add("ADD", [g.image, g.scores(3)], (1, 8, 8, 3)),
        "changed picture",
    ),
    "the best of a row": (
        lambda g: g.add("ARG_MAX", [g.scores(8), g.constant(1, "int32")], (1, 8, 8), "int64"),
        "over something else than classes",
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_not_proven_is_asked_for(tmp_path: Path, what: str) -> None:
    chain, said = ASKED[what]
    with pytest.raises(ModelInvalid) as caught:
        of_chain(tmp_path, chain)
    assert said in str(caught.value)


def test_a_softmax_over_another_axis_is_no_probability_of_classes(tmp_path: Path) -> None:
    def over_columns(g: GraphWriter) -> int:
        turned = g.add("TRANSPOSE", [g.scores(), g.constant([0, 1, 3, 2], "int32")], (1, 8, 4, 8))
        soft = g.add("SOFTMAX", [turned], (1, 8, 4, 8))
        return g.add("TRANSPOSE", [soft, g.constant([0, 1, 3, 2], "int32")], MAP)

    with pytest.raises(ModelInvalid, match="meaning is not known"):
        of_chain(tmp_path, over_columns)
    assert of_chain(tmp_path, over_columns, '[output]\nkind = "logits"\n').output_kind == "logits"


def test_a_graph_that_goes_in_circles_is_read_in_a_moment(tmp_path: Path) -> None:
    graph = GraphWriter()
    last = graph.image
    for _ in range(200):
        last = graph.add("ADD", [last, last], MAP)
    with pytest.raises(ModelInvalid):
        read(tmp_path, graph.write(last))


@pytest.mark.parametrize(
    "name",
    [
        *("heatmaps", "keypoint_offsets", "displacement_fwd", "depth", "proto", "box_encodings"),
        *("kpts", "hm", "joints", "keypoint_map", "KpsHead", "objectness", "center_heatmap"),
    ],
)
def test_outputs_named_after_another_task_are_refused(tmp_path: Path, name: str) -> None:
    graph = GraphWriter()
    with pytest.raises(ModelInvalid, match="its name has"):
        read(tmp_path, graph.write(graph.scores(), names=[name]))


@pytest.mark.parametrize("name", ["Conv2DTranspose", "DepthwiseConv2D", "depth_to_space", "scores"])
def test_names_of_operators_are_no_other_task(tmp_path: Path, name: str) -> None:
    graph = GraphWriter()
    assert read(tmp_path, graph.write(graph.scores(), names=[name])).output_kind == "logits"


def test_a_softmax_over_positions_is_none_over_classes(tmp_path: Path) -> None:
    """The axes are lost in a product of matrices; the number of values tells them apart."""

    def over_positions(g: GraphWriter) -> int:
        flat = g.add("RESHAPE", [g.scores(4), g.constant([64, 4], "int32")], (64, 4))
        mixed = g.add("FULLY_CONNECTED", [flat, g.constant([[1.0] * 4] * 4)], (64, 4))
        turned = g.add("TRANSPOSE", [mixed, g.constant([1, 0], "int32")], (4, 64))
        soft = g.add("SOFTMAX", [turned], (4, 64))
        return g.add("RESHAPE", [soft, g.constant([1, 4, 8, 8], "int32")], (1, 4, 8, 8))

    with pytest.raises(ModelInvalid, match="meaning is not known"):
        of_chain(tmp_path, over_positions)


def test_planes_that_are_joined_are_followed_along_their_own_axis(tmp_path: Path) -> None:
    def joined(g: GraphWriter) -> int:
        halves = [to_first(g, g.scores(4, seed=each)) for each in (1, 2)]
        return g.add("CONCATENATION", halves, (1, 8, 8, 8), options={"axis": 1})

    assert of_chain(tmp_path, joined).output_map == PixelMap(8, 8, 8, Layout.CHANNELS_FIRST)


def test_three_classes_with_names_are_no_colours(tmp_path: Path) -> None:
    names = '[classes]\nnames = ["pet", "outline", "background"]\n'
    assert of_chain(tmp_path, lambda g: g.scores(3), names).output_kind == "logits"


def test_ids_that_were_moved_are_as_many_more(tmp_path: Path) -> None:
    spec = of_chain(
        tmp_path,
        lambda g: g.add("ADD", [g.add("CAST", [ids(g)], (1, 8, 8)), g.constant(1.0)], (1, 8, 8)),
    )
    assert len(spec.classes) == 5


@pytest.mark.parametrize(
    "name", ["decomposed_head", "Exposed", "sandbox", "composer", "face_landmark_seg"]
)
def test_words_within_other_words_are_no_other_task(tmp_path: Path, name: str) -> None:
    graph = GraphWriter()
    assert read(tmp_path, graph.write(graph.scores(), names=[name])).output_kind == "logits"
