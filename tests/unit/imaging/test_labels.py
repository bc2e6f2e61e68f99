"""Output tensors become class ids and scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgesegd.imaging.labels import OutputTensor, Scores, to_labels, to_scores
from edgesegd.imaging.mask import PlainReader
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec
from support.model_specs import model_spec

H, W, C = 3, 5, 4


def spec(
    kind: OutputKind,
    tensor: OutputTensor,
    scale: float = 0.0,
    zero_point: int = 0,
    threshold: float = 0.5,
) -> ModelSpec:
    output = TensorSpec("mask", tensor.shape, tensor.dtype.name, scale, zero_point)
    return model_spec(output=output, kind=kind, threshold=threshold)


def scores_of(model: ModelSpec, tensor: OutputTensor) -> Scores:
    return to_scores(model, PlainReader(model).own_values(tensor))


def logits() -> OutputTensor:
    return np.random.default_rng(1).normal(0, 3, (1, H, W, C)).astype(np.float32)


def softmax(values: list[float]) -> list[float]:
    """By its definition, in double precision."""
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def test_logits_are_labelled_by_the_largest_and_scored_by_softmax() -> None:
    tensor = logits()
    model = spec(OutputKind.LOGITS, tensor)
    labels, scores = to_labels(model, tensor), scores_of(model, tensor)
    assert (labels.shape, labels.dtype.name) == ((H, W), "uint8")
    assert (scores.shape, scores.dtype.name) == ((H, W), "float32")
    for row in range(H):
        for column in range(W):
            shares = softmax(tensor[0, row, column].tolist())
            assert labels[row, column] == shares.index(max(shares))
            assert scores[row, column] == pytest.approx(max(shares), rel=1e-5)


def test_huge_logits_do_not_overflow() -> None:
    tensor = np.array([[[[1e4, -1e4], [1e30, 1e30]]]], np.float32)
    model = spec(OutputKind.LOGITS, tensor)
    assert scores_of(model, tensor).tolist() == [[1.0, 0.5]]


def test_of_equal_scores_the_first_class_wins() -> None:
    tensor = np.zeros((1, 1, 1, 4), np.float32)
    model = spec(OutputKind.LOGITS, tensor)
    assert to_labels(model, tensor).tolist() == [[0]]
    assert scores_of(model, tensor).tolist() == [[0.25]]


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 128), ("int8", -3)])
def test_quantized_logits_are_labelled_and_scored_as_real_values(
    dtype: str, zero_point: int
) -> None:
    limits = np.iinfo(dtype)
    stored = np.random.default_rng(2).integers(limits.min, limits.max + 1, (1, H, W, C))
    tensor, scale = stored.astype(dtype), 0.06
    model = spec(OutputKind.LOGITS, tensor, scale, zero_point)
    np.testing.assert_array_equal(to_labels(model, tensor), stored[0].argmax(-1))
    real = (stored[0] - zero_point) * scale
    wanted = [[max(softmax(cell)) for cell in row] for row in real.tolist()]
    np.testing.assert_allclose(scores_of(model, tensor), wanted, rtol=1e-5)


def test_probabilities_are_scores_as_they_are() -> None:
    tensor = np.array([[[[0.2, 0.7, 0.1], [0.6, 0.3, 0.1]]]], np.float32)
    model = spec(OutputKind.PROBABILITIES, tensor)
    assert to_labels(model, tensor).tolist() == [[1, 0]]
    np.testing.assert_array_equal(scores_of(model, tensor), np.array([[0.7, 0.6]], np.float32))


def test_quantized_probabilities_are_scored_as_real_values() -> None:
    tensor = np.array([[[[51, 153, 51], [128, 64, 64]]]], np.uint8)
    model = spec(OutputKind.PROBABILITIES, tensor, 1 / 255)
    assert to_labels(model, tensor).tolist() == [[1, 0]]
    np.testing.assert_allclose(scores_of(model, tensor), [[0.6, 128 / 255]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("channel", [(), (1,)])
def test_an_output_of_labels_is_taken_as_it_is(dtype: str, channel: tuple[int, ...]) -> None:
    tensor = np.array([[0, 1, 20], [254, 255, 3]], dtype).reshape(1, 2, 3, *channel)
    labels = to_labels(spec(OutputKind.LABELS, tensor), tensor)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1, 20], [254, 255, 3]]


@pytest.mark.parametrize("channel", [(), (1,)])
def test_a_probability_is_split_at_the_threshold(channel: tuple[int, ...]) -> None:
    tensor = np.array([[0.0, 0.25, 0.5], [0.75, 0.875, 1.0]], np.float32).reshape(1, 2, 3, *channel)
    model = spec(OutputKind.PROBABILITY, tensor, threshold=0.75)
    assert to_labels(model, tensor).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert scores_of(model, tensor).tolist() == [[1.0, 0.75, 0.5], [0.75, 0.875, 1.0]]


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("int8", -128)])
def test_a_quantized_probability_is_split_at_the_threshold(dtype: str, zero_point: int) -> None:
    tensor = (np.array([[[0, 127, 128, 255]]]) + zero_point).astype(dtype)
    model = spec(OutputKind.PROBABILITY, tensor, 1 / 256, zero_point)
    assert to_labels(model, tensor).tolist() == [[0, 0, 1, 1]]
    wanted = [[1.0, 1 - 127 / 256, 0.5, 255 / 256]]
    np.testing.assert_allclose(scores_of(model, tensor), wanted, rtol=1e-6)


@pytest.mark.parametrize("kind", OutputKind)
def test_labels_and_scores_stay_when_the_output_tensor_is_reused(kind: OutputKind) -> None:
    """It lies in the interpreter's memory, which the next frame overwrites."""
    shape = (1, H, W, C) if kind in (OutputKind.LOGITS, OutputKind.PROBABILITIES) else (1, H, W)
    tensor: OutputTensor = np.ones(shape, "uint8" if kind is OutputKind.LABELS else "float32")
    model = spec(kind, tensor)
    found: list[OutputTensor] = [to_labels(model, tensor)]
    if model.has_scores:
        found.append(scores_of(model, tensor))
    before = [each.copy() for each in found]
    tensor[:] = 77
    for now, then in zip(found, before, strict=True):
        np.testing.assert_array_equal(now, then)
