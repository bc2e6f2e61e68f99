"""Labels made of small scores are those of the whole graph, pixel for pixel."""

from __future__ import annotations

import dataclasses
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesegd.core.options import NO_CLASS, Output, ResizePolicy, ResultOptions, SizeMode
from edgesegd.engine.runtimes.interpreter import LoadedModel, load_on_cpu
from edgesegd.engine.runtimes.runtime import Runtime, load_runtime
from edgesegd.imaging.axis import axis_at
from edgesegd.imaging.geometry import Fit, fit
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.mask import Mask, PlainReader, mask_reader, read_mask
from edgesegd.imaging.upsample import upsample_labels, upsample_scores
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec, OutputKind
from support.graph_writer import GraphWriter
from support.upsampling_model import ALIGN, HALF, PLAIN, Head, upsampling_model

pytestmark = pytest.mark.runtime
RUNTIME: Runtime = load_runtime("auto")
BOTH = frozenset({Output.LABELS, Output.CONFIDENCE_MAP})


def pictures(head: Head, seed: int, *, steps: int) -> npt.NDArray[np.float32]:
    """An input for `head`; of few `steps`, so that classes are often equal."""
    values = np.random.default_rng(seed).integers(-steps, steps + 1, (1, *head.small, 3))
    return values.astype(np.float32) / np.float32(steps)


def weights_for(head: Head, seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 3, (head.classes, 3)).astype(np.float32)


def run(model: ModelSpec, picture: npt.NDArray[np.float32]) -> tuple[LoadedModel, Any]:
    loaded = load_on_cpu(RUNTIME, model, 1)
    loaded.input()[:] = picture
    loaded.invoke()
    return loaded, loaded.output().copy()


def both_ways(path: Path, picture: npt.NDArray[np.float32], options: ResultOptions) -> list[Mask]:
    """The mask with the graph's end left out, and with the whole graph."""
    short = read_model(path)
    assert short.upsampling is not None
    whole = dataclasses.replace(short, upsampling=None)
    placed = stretched(short)
    masks = []
    for model in (short, whole):
        _, output = run(model, picture)
        assert output.shape == model.run_output.shape
        masks.append(read_mask(model, mask_reader(model), output, placed, options))
    return masks


def stretched(model: ModelSpec) -> Fit:
    return fit(model.input_size, model.input_size, ResizePolicy.STRETCH)


heads = st.builds(
    Head,
    small=st.tuples(st.integers(2, 12), st.integers(2, 12)),
    large=st.tuples(st.integers(13, 60), st.integers(13, 60)),
    flags=st.sampled_from([ALIGN, HALF, PLAIN]),
    classes=st.integers(2, 6),
    dtype=st.sampled_from(["float32", "uint8", "int8"]),
    identities=st.integers(0, 2),
    after=st.sampled_from([(), ("ARG_MAX",)]),
    axis=st.sampled_from([-1, 3]),
    labels=st.sampled_from(["int32", "int64"]),
).filter(
    lambda head: (
        # What covers another part of the frame is no mask of it.
        abs(head.large[0] * head.small[1] - head.large[1] * head.small[0]) <= sum(head.small)
    )
)


@settings(max_examples=120, deadline=None)
@given(heads, st.integers(0, 1000), st.sampled_from([1, 3, 1000]))
def test_labels_of_small_scores_are_those_of_the_whole_graph(
    head: Head, seed: int, steps: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = upsampling_model(Path(folder), head, weights_for(head, seed))
        made, expected = both_ways(path, pictures(head, seed, steps=steps), ResultOptions())
    np.testing.assert_array_equal(made.labels, expected.labels)


@pytest.mark.parametrize("flags", [ALIGN, HALF, PLAIN])
@pytest.mark.parametrize(
    ("before", "after", "dtype"),
    [
        (("LOGISTIC",), (), "float32"),
        ((), ("LOGISTIC",), "float32"),
        (("SOFTMAX",), (), "float32"),
        ((), (), "float32"),
        ((), (), "uint8"),
    ],
)
def test_labels_and_scores_of_every_kind_of_head_are_those_of_the_whole_graph(
    tmp_path: Path,
    flags: tuple[bool, bool],
    before: tuple[str, ...],
    after: tuple[str, ...],
    dtype: str,
) -> None:
    classes = 1 if "LOGISTIC" in before + after else 4
    head = Head(flags=flags, before=before, after=after, dtype=dtype, classes=classes)
    path = upsampling_model(tmp_path, head, weights_for(head, 5))
    options = ResultOptions(outputs=BOTH)
    made, expected = both_ways(path, pictures(head, 5, steps=1000), options)
    np.testing.assert_array_equal(made.labels, expected.labels)
    assert len(np.unique(made.labels)) > 1
    assert made.scores is not None
    assert expected.scores is not None
    # A quantized graph rounds its large scores to steps of 0.1 before the softmax.
    tolerance = 0.06 if dtype == "uint8" else 1e-5
    np.testing.assert_allclose(made.scores, expected.scores, atol=tolerance)


def test_labels_of_a_quantized_binary_head_are_those_of_the_whole_graph(tmp_path: Path) -> None:
    head = Head(classes=1, dtype="uint8", identities=0)
    path = upsampling_model(tmp_path, head, weights_for(head, 3))
    path.with_suffix(".toml").write_text(
        '[input]\nmean = 0\nstd = 1\n[output]\nkind = "probability"\nthreshold = 0.35\n'
    )
    made, expected = both_ways(path, pictures(head, 3, steps=1000), ResultOptions())
    np.testing.assert_array_equal(made.labels, expected.labels)
    assert set(np.unique(made.labels)) == {0, 1}


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (Head(after=("SOFTMAX",)), "what follows the resize is not known"),
        (Head(after=("ARG_MAX",), axis=1), "the best of a column is no class"),
        (Head(second_user=True, identities=0), "another output needs the scores"),
        (Head(small=(33, 49), large=(33, 49), identities=0), "nothing is made larger"),
    ],
)
def test_graphs_with_another_end_are_run_whole(tmp_path: Path, head: Head, why: str) -> None:
    path = upsampling_model(tmp_path, head, weights_for(head, 1))
    if head.axis == 1:
        path.with_suffix(".toml").write_text('[output]\nkind = "labels"\n[input]\nmean=0\nstd=1\n')
    model = read_model(path)
    assert model.upsampling is None, why
    assert isinstance(mask_reader(model), PlainReader)
    if head.axis == -1:
        assert run(model, pictures(head, 1, steps=9))[1].shape == model.output.shape


def test_scores_that_another_output_needs_stay_in_the_graph(tmp_path: Path) -> None:
    """Then only what comes after them is left out."""
    head = Head(second_user=True, identities=1)
    path = upsampling_model(tmp_path, head, weights_for(head, 1))
    made, expected = both_ways(path, pictures(head, 1, steps=9), ResultOptions())
    np.testing.assert_array_equal(made.labels, expected.labels)


@pytest.mark.parametrize("flags", [ALIGN, HALF, PLAIN])
@pytest.mark.parametrize("policy", ResizePolicy)
@pytest.mark.parametrize("frame", [(200, 140), (20, 14), (150, 300)])
def test_at_other_sizes_all_scores_are_interpolated(
    tmp_path: Path, flags: tuple[bool, bool], policy: ResizePolicy, frame: tuple[int, int]
) -> None:
    """Against the definition: where a pixel lies among the scores, and the four around it."""
    head = Head(flags=flags, identities=0)
    model = read_model(upsampling_model(tmp_path, head, weights_for(head, 9)))
    _, output = run(model, pictures(head, 9, steps=1000))
    placed = fit(frame, model.input_size, policy)
    options = ResultOptions(size=SizeMode.FRAME)
    mask = read_mask(model, mask_reader(model), output, placed, options)
    assert mask.labels.shape == frame[::-1]
    wrong = seen = 0
    for y, x in np.ndindex(mask.labels.shape):
        place = [
            where_in(placed, frame, model.output_size, direction, pixel)
            for direction, pixel in ((0, x), (1, y))
        ]
        if None in place:
            assert mask.labels[y, x] == NO_CLASS
            continue
        seen += 1
        column, row = (
            small_position(at, count, large, flags)
            for at, count, large in zip(place, head.small[::-1], model.output_size, strict=True)
        )
        wrong += mask.labels[y, x] != best_at(output[0].astype(np.float64), row, column)
    assert seen > 100
    assert wrong <= seen / 1000  # positions are rounded to float32


def where_in(
    placed: Fit, frame: tuple[int, int], output: tuple[int, int], direction: int, pixel: int
) -> float | None:
    """The output pixel, with fractions, that shows a pixel of the frame; None outside."""
    source, target = placed.source, placed.target
    starts = [(source.left, source.width), (source.top, source.height)][direction]
    ends = [(target.left, target.width), (target.top, target.height)][direction]
    share = (pixel + 0.5 - starts[0]) / starts[1]
    if not 0 <= share < 1:
        return None
    return (ends[0] + share * ends[1]) * output[direction] / placed.input[direction] - 0.5


def small_position(at: float | None, small: int, large: int, flags: tuple[bool, bool]) -> float:
    assert at is not None
    if flags == ALIGN:
        position = at * (small - 1) / (large - 1)
    elif flags == HALF:
        position = (at + 0.5) * small / large - 0.5
    else:
        position = at * small / large
    return min(max(position, 0), small - 1)


def best_at(scores: npt.NDArray[np.float64], row: float, column: float) -> int:
    top, left = int(row), int(column)
    low, right = min(top + 1, scores.shape[0] - 1), min(left + 1, scores.shape[1] - 1)
    down, across = row - top, column - left
    upper = scores[top, left] * (1 - across) + scores[top, right] * across
    lower = scores[low, left] * (1 - across) + scores[low, right] * across
    return int((upper * (1 - down) + lower * down).argmax())


def test_labels_upsampled_in_batches_are_those_of_all_scores() -> None:
    """Of scores that differ everywhere, no cell is whole."""
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(9, 9, 5)).astype(np.float32)
    positions = np.linspace(0, 8, 1500, dtype=np.float32)
    axis = axis_at(positions, 9)
    made: Labels = upsample_labels(scores, axis, axis)
    np.testing.assert_array_equal(made, upsample_scores(scores, axis, axis).argmax(-1))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_upsampled_without_an_error(broken: float) -> None:
    scores = np.zeros((3, 3, 4), np.float32)
    scores[1, 1] = broken
    axis = axis_at(np.linspace(0, 2, 5), 3)
    assert upsample_labels(scores, axis, axis).shape == (5, 5)


def test_large_cells_are_upsampled_in_parts() -> None:
    """Two rows of scores at 2048 rows, in a memory of a few masks."""
    scores = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    axis = axis_at(np.linspace(0, 1, 2048), 2)
    tracemalloc.start()
    labels = upsample_labels(scores, axis, axis)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * labels.nbytes
    some = np.arange(0, 2048, 97)
    few = axis_at(np.linspace(0, 1, 2048)[some], 2)
    np.testing.assert_array_equal(labels[np.ix_(some, some)], upsample_labels(scores, few, few))


@pytest.mark.parametrize("threshold", [0.0, 1e-9, 0.1, 0.5, 0.9, 0.9999999, 1.0])
def test_labels_of_one_class_are_those_of_the_whole_graph_at_any_threshold(
    tmp_path: Path, threshold: float
) -> None:
    head = Head(small=(9, 11), large=(65, 81), classes=1, after=("LOGISTIC",))
    path = upsampling_model(tmp_path, head, weights_for(head, 1))
    path.with_suffix(".toml").write_text(
        f'[input]\nmean = 0\nstd = 1\n[output]\nkind = "probability"\nthreshold = {threshold}\n'
    )
    made, expected = both_ways(path, 4 * pictures(head, 1, steps=1000), ResultOptions())
    np.testing.assert_array_equal(made.labels, expected.labels)


@pytest.mark.realmodel
@pytest.mark.parametrize(
    "name",
    [
        "deeplabv3_257_mv_gpu",
        "deeplabv3_mnv2_dm05_pascal_quant",
        "deeplabv3_mnv2_dm05_pascal_quant_edgetpu",
    ],
)
def test_the_upsampling_of_deeplab_is_recognised(shared_dir: Path, name: str) -> None:
    model = read_model(shared_dir / "models" / f"{name}.tflite")
    assert model.upsampling is not None
    assert model.upsampling.scores.shape == (1, 33, 33, 21)
    kinds = {OutputKind.LABELS: 3, OutputKind.LOGITS: 2}
    assert len(model.upsampling.left_out) == kinds[model.output_kind]


def resized(graph: GraphWriter, classes: int = 5, dtype: str = "float32") -> int:
    """Scores of 9x7, made four times as large."""
    scores = graph.scores(classes)
    more: dict[str, Any] = {}
    if dtype != "float32":
        more = {"scale": 0.05, "zero_point": 3}
        scores = graph.add("QUANTIZE", [scores], (1, 7, 9, classes), dtype, **more)
    size = graph.constant([28, 36], "int32")
    return graph.add("RESIZE_BILINEAR", [scores, size], (1, 28, 36, classes), dtype, **more)


def planes(graph: GraphWriter, source: int) -> int:
    order = graph.constant([0, 3, 1, 2], "int32")
    return graph.add("TRANSPOSE", [source, order], (1, 5, 28, 36))


def best_plane(graph: GraphWriter) -> int:
    axis = graph.constant(1, "int32")
    return graph.add("ARG_MAX", [planes(graph, resized(graph)), axis], (1, 28, 36), "int64")


MOVED_ENDS: dict[str, Callable[[GraphWriter], int]] = {
    "channels first": lambda g: planes(g, resized(g)),
    "the best of planes": best_plane,
    "ids as float, with a channel": lambda g: g.add(
        "RESHAPE",
        [
            g.add("CAST", [best_plane(g)], (1, 28, 36)),
            g.constant([1, 28, 36, 1], "int32"),
        ],
        (1, 28, 36, 1),
    ),
    "int8 inside, float outside": lambda g: g.add(
        "DEQUANTIZE", [resized(g, dtype="int8")], (1, 28, 36, 5)
    ),
    "one class, channels first": lambda g: g.add(
        "RESHAPE",
        [
            g.add("LOGISTIC", [resized(g, 1)], (1, 28, 36, 1)),
            g.constant([1, 1, 28, 36], "int32"),
        ],
        (1, 1, 28, 36),
    ),
}


@pytest.mark.parametrize("what", MOVED_ENDS)
def test_an_end_that_moves_what_was_upsampled_is_not_run(tmp_path: Path, what: str) -> None:
    """As converters of PyTorch's models write it."""
    graph = GraphWriter((1, 7, 9, 3))
    path = tmp_path / "moved.tflite"
    path.write_bytes(graph.write(MOVED_ENDS[what](graph)))
    kind = '[output]\nkind = "probability"\n' if what.startswith("one class") else ""
    path.with_suffix(".toml").write_text(f"[input]\nmean = 0\nstd = 1\n{kind}")
    picture = np.random.default_rng(2).normal(0, 1, (1, 7, 9, 3)).astype(np.float32)
    made, expected = both_ways(path, picture, ResultOptions())
    np.testing.assert_array_equal(made.labels, expected.labels)
    assert len(np.unique(made.labels)) > 1
