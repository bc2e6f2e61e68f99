"""Which of a model's outputs is the mask, and how it is arranged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.pixel_map import Layout, PixelMap
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from support.graph_writer import GraphWriter
from support.tflite_writer import T, write_tflite

SIDECAR = "[input]\nmean = 127.5\nstd = 127.5\n"
FIRST = Layout.CHANNELS_FIRST


def read(folder: Path, data: bytes, sidecar: str = "") -> ModelSpec:
    path = folder / "model.tflite"
    path.write_bytes(data)
    path.with_suffix(".toml").write_text(SIDECAR + sidecar)
    return read_model(path)


@pytest.mark.parametrize(
    ("image", "shape", "expected"),
    [
        ((1, 8, 12, 3), (1, 8, 12, 4), PixelMap(8, 12, 4)),
        ((1, 8, 12, 3), (1, 4, 6, 4), PixelMap(4, 6, 4)),
        ((1, 8, 12, 3), (8, 12, 4), PixelMap(8, 12, 4)),
        ((1, 8, 12, 3), (1, 4, 8, 12), PixelMap(8, 12, 4, FIRST)),
        ((1, 8, 12, 3), (4, 8, 12), PixelMap(8, 12, 4, FIRST)),
        ((1, 8, 12, 3), (1, 96, 4), PixelMap(8, 12, 4)),
        ((1, 8, 12, 3), (1, 4, 96), PixelMap(8, 12, 4, FIRST)),
        ((1, 3, 8, 12), (1, 4, 8, 12), PixelMap(8, 12, 4, FIRST)),
    ],
)
def test_scores_are_found_in_every_layout(
    tmp_path: Path, image: tuple[int, ...], shape: tuple[int, ...], expected: PixelMap
) -> None:
    """By the shape alone: the graph of one custom operator says nothing."""
    spec = read(tmp_path, write_tflite([T(image)], [T(shape)], ["SomethingOwn"]))
    assert spec.output_map == expected


@pytest.mark.parametrize(
    "shape", [(8, 12), (1, 8, 12), (1, 8, 12, 1), (1, 1, 8, 12), (96,), (1, 96), (1, 96, 1)]
)
def test_ids_are_found_in_every_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = write_tflite([T((1, 8, 12, 3))], [T(shape, "int32")], ["SomethingOwn"])
    spec = read(tmp_path, data)
    assert spec.output_map == PixelMap(8, 12, 1)
    assert spec.output_kind == "labels"


def test_the_graph_says_which_dimension_the_channels_are(tmp_path: Path) -> None:
    """Where all dimensions are equal, the shape alone cannot."""
    graph = GraphWriter()
    scores = graph.scores(8)
    assert read(tmp_path, graph.write(scores)).output_map == PixelMap(8, 8, 8)
    order = graph.constant([0, 3, 1, 2], "int32")
    moved = graph.add("TRANSPOSE", [scores, order], (1, 8, 8, 8))
    assert read(tmp_path, graph.write(moved)).output_map == PixelMap(8, 8, 8, FIRST)
    sideways = graph.constant([0, 2, 1, 3], "int32")
    turned = graph.add("TRANSPOSE", [scores, sideways], (1, 8, 8, 8))
    with pytest.raises(ModelInvalid, match="in the order column, row, channel"):
        read(tmp_path, graph.write(turned))


def test_a_layout_that_cannot_be_known_is_asked_for(tmp_path: Path) -> None:
    data = write_tflite(outputs=[T((1, 8, 8, 8))], made_by=["SomethingOwn"])
    with pytest.raises(ModelInvalid, match=r"output\.layout"):
        read(tmp_path, data)
    for layout in Layout:
        spec = read(tmp_path, data, f'[output]\nlayout = "{layout}"\n')
        assert spec.output_map == PixelMap(8, 8, 8, layout)
        assert spec.sources["mask"] == "sidecar"


def test_the_shape_of_a_mask_laid_flat_can_be_given(tmp_path: Path) -> None:
    data = write_tflite(outputs=[T((1, 15, 4))], made_by=["SomethingOwn"])
    with pytest.raises(ModelInvalid, match="not that of a mask"):
        read(tmp_path, data)
    spec = read(tmp_path, data, '[output]\nshape = [3, 5]\nkind = "logits"\n')
    assert spec.output_map == PixelMap(3, 5, 4)
    with pytest.raises(ConfigError, match="do not fit into"):
        read(tmp_path, data, '[output]\nshape = [4, 4]\nkind = "logits"\n')


def test_a_map_too_coarse_for_a_mask_is_asked_for(tmp_path: Path) -> None:
    data = write_tflite([T((1, 416, 416, 3))], [T((1, 13, 13, 125))])
    with pytest.raises(ModelInvalid, match="too coarse"):
        read(tmp_path, data)
    assert read(tmp_path, data, "[output]\nshape = [13, 13]\n").output_size == (13, 13)


def test_of_two_masks_of_as_many_classes_the_larger_is_served(tmp_path: Path) -> None:
    graph = GraphWriter(image=(1, 16, 16, 3))
    small = graph.add(
        "STRIDED_SLICE",
        [
            graph.image,
            graph.constant([0, 0, 0, 0], "int32"),
            graph.constant([1, 16, 16, 3], "int32"),
            graph.constant([1, 4, 4, 1], "int32"),
        ],
        (1, 4, 4, 3),
    )
    auxiliary = graph.scores(4, small, seed=1)
    spec = read(tmp_path, graph.write(auxiliary, graph.scores()))
    assert (spec.output_position, spec.output_size) == (1, (16, 16))
    (note,) = spec.notes
    assert "output 0: tensor" in note
    assert "a smaller mask of as many classes" in note


def test_scores_come_before_their_own_ids_and_probabilities_before_scores(tmp_path: Path) -> None:
    graph = GraphWriter()
    scores = graph.scores()
    ids = graph.add("ARG_MAX", [scores, graph.constant(3, "int32")], (1, 8, 8), "int64")
    soft = graph.add("SOFTMAX", [scores], (1, 8, 8, 4))
    spec = read(tmp_path, graph.write(ids, scores))
    assert (spec.output_position, spec.output_kind) == (1, "logits")
    assert "computed from the output that is served" in spec.notes[0]
    spec = read(tmp_path, graph.write(scores, ids, soft))
    assert (spec.output_position, spec.output_kind) == (2, "probabilities")
    assert len(spec.notes) == 2
    spec = read(tmp_path, graph.write(ids, soft))
    assert (spec.output_position, spec.output_kind) == (1, "probabilities")
    assert "the same scores" in spec.notes[0]


def test_of_masks_that_differ_in_nothing_one_must_be_chosen(tmp_path: Path) -> None:
    graph = GraphWriter()
    outputs = [graph.scores(5, seed=each) for each in (1, 2)]
    with pytest.raises(ModelInvalid, match=r"several may be the mask.*output\.index"):
        read(tmp_path, graph.write(*outputs))
    assert read(tmp_path, graph.write(*outputs), "[output]\nindex = 1\n").output_position == 1


def test_heads_of_another_task_are_listed_with_the_key_that_chooses_one(tmp_path: Path) -> None:
    """As of a pose model with person parts, or of instance segmentation."""
    graph = GraphWriter()
    segments = graph.add("LOGISTIC", [graph.scores(1)], (1, 8, 8, 1))
    parts, offsets = graph.scores(24, seed=1), graph.scores(34, seed=2)
    for others, names in (
        ((parts, offsets), ["float_segments", "float_part_heatmaps", "float_short_offsets"]),
        ((graph.tensor((1, 116, 84)),), ["protos", "detections"]),
    ):
        data = graph.write(segments, *others, names=names)
        with pytest.raises(ModelInvalid) as caught:
            read(tmp_path, data)
        assert all(each in str(caught.value) for each in names)
        assert "output.index" in str(caught.value)
        spec = read(tmp_path, data, '[output]\nindex = 0\nkind = "probability"\n')
        assert spec.output_position == 0


def test_a_model_of_any_size_gets_one_from_the_sidecar_or_a_default(tmp_path: Path) -> None:
    image = T((1, 1, 1, 3), signature=(1, -1, -1, 3))
    scores = T((1, 1, 1, 4), signature=(1, -1, -1, 4))
    data = write_tflite([image], [scores])
    spec = read(tmp_path, data)
    assert spec.input.shape == (1, 256, 256, 3)
    assert spec.output.shape == (1, 256, 256, 4)
    assert "256x256 is a default; input.size = [width, height]" in spec.notes[0]
    spec = read(tmp_path, data, "size = [320, 240]\n")
    assert (spec.input_size, spec.output_size) == ((320, 240), (320, 240))
    assert "the sidecar sets the size" in spec.notes[0]
    spec = read(tmp_path, data, "size = [320, 240]\n[output]\nshape = [60, 80]\n")
    assert spec.output.shape == (1, 60, 80, 4)
    given = T((1, 64, 48, 3), signature=(-1, -1, -1, 3))
    spec = read(tmp_path, write_tflite([given], [scores]))
    assert spec.input_size == (48, 64)
    assert "the file's own default" in spec.notes[0]


def test_a_size_for_a_model_of_a_fixed_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for models that take any size"):
        read(tmp_path, write_tflite(), "size = [16, 16]\n")


def test_a_depth_beside_a_mask_is_another_task(tmp_path: Path) -> None:
    graph = GraphWriter()
    mask = graph.add("LOGISTIC", [graph.scores(1)], (1, 8, 8, 1))
    depth = graph.add("RELU", [graph.scores(1, seed=1)], (1, 8, 8, 1))
    with pytest.raises(ModelInvalid, match="several may be the mask"):
        read(tmp_path, graph.write(mask, depth))


def test_of_masks_that_one_is_made_of_the_fused_one_is_served(tmp_path: Path) -> None:
    """As of U2-Net, whatever the order of its outputs."""
    graph = GraphWriter()
    sides = [graph.scores(1, seed=each) for each in (1, 2, 3)]
    joined = graph.add("CONCATENATION", sides, (1, 8, 8, 3))
    fused = graph.add("LOGISTIC", [graph.scores(1, joined, seed=4)], (1, 8, 8, 1))
    outputs = [graph.add("LOGISTIC", [each], (1, 8, 8, 1)) for each in sides]
    for order in ([*outputs, fused], [fused, *outputs]):
        spec = read(tmp_path, graph.write(*order))
        assert spec.output_position == order.index(fused)
        assert len(spec.notes) == 3


def test_two_masks_of_two_classes_are_two_tasks(tmp_path: Path) -> None:
    """As of lanes and the area to drive on."""
    graph = GraphWriter()
    with pytest.raises(ModelInvalid, match="several may be the mask"):
        read(tmp_path, graph.write(graph.scores(2, seed=1), graph.scores(2, seed=2)))


def test_a_shape_or_layout_that_the_graph_contradicts_is_refused(tmp_path: Path) -> None:
    graph = GraphWriter()
    data = graph.write(graph.scores())
    for wish in ("shape = [4, 4]", 'layout = "channels_first"'):
        with pytest.raises(ModelInvalid, match="its graph shows that it is"):
            read(tmp_path, data, f"[output]\n{wish}\n")


def test_what_a_sidecar_sets_in_vain_is_an_error(tmp_path: Path) -> None:
    for image, wish, said in (
        (T((1, 8, 8, 3)), "[output]\nthreshold = 0.3\n", r"output\.threshold is for"),
        (T((1, 8, 8, 3)), "[output]\nunit = 255\n", r"output\.unit is for"),
        (T((1, 8, 8, 3)), 'layout = "channels_first"\n', r"input\.layout = .* does not fit"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(tmp_path, write_tflite([image]), wish)


def test_a_file_of_its_own_size_keeps_the_shapes_of_its_outputs(tmp_path: Path) -> None:
    image = T((1, 32, 32, 3), signature=(1, -1, -1, 3))
    half = T((1, 16, 16, 4), signature=(1, -1, -1, 4))
    assert read(tmp_path, write_tflite([image], [half])).output_size == (16, 16)


def test_edges_refined_from_a_mask_are_another_task(tmp_path: Path) -> None:
    graph = GraphWriter()
    scores = graph.scores(1)
    mask = graph.add("LOGISTIC", [scores], (1, 8, 8, 1))
    for source in (scores, mask):
        joined = graph.add("CONCATENATION", [graph.scores(3, seed=2), source], (1, 8, 8, 4))
        edges = graph.add("LOGISTIC", [graph.scores(1, joined, seed=3)], (1, 8, 8, 1))
        with pytest.raises(ModelInvalid, match="several may be the mask"):
            read(tmp_path, graph.write(mask, edges))


@pytest.mark.parametrize(
    ("begin", "size"), [((0, 8, 8, 0), (1, 16, 16, 4)), ((0, 0, 0, 0), (1, 16, 16, 4))]
)
def test_a_mask_of_a_part_of_the_picture_is_asked_about(
    tmp_path: Path, begin: tuple[int, ...], size: tuple[int, ...]
) -> None:
    graph = GraphWriter((1, 32, 32, 3))
    cut = graph.add(
        "SLICE",
        [graph.scores(), graph.constant(begin, "int32"), graph.constant(size, "int32")],
        size,
    )
    data = graph.write(cut)
    with pytest.raises(ModelInvalid, match="only a part of the picture"):
        read(tmp_path, data)
    assert read(tmp_path, data, '[output]\nkind = "logits"\n').output_size == (16, 16)


def test_rows_and_columns_stay_exchanged_at_any_size(tmp_path: Path) -> None:
    graph = GraphWriter((1, 16, 16, 3), signature=(1, -1, -1, 3))
    scores = graph.scores()
    order = graph.constant([0, 2, 1, 3], "int32")
    turned = graph.add("TRANSPOSE", [scores, order], (1, 16, 16, 4))
    for tensor in (scores, turned):
        graph.vary(tensor, (1, -1, -1, 4))
    for sidecar in ("", "size = [48, 48]\n"):
        with pytest.raises(ModelInvalid, match=r"column, row|exchanged"):
            read(tmp_path, graph.write(turned), sidecar)


def part_of(g: GraphWriter, source: int, begin: tuple[int, ...], size: tuple[int, ...]) -> int:
    return g.add("SLICE", [source, g.constant(begin, "int32"), g.constant(size, "int32")], size)


def several_tasks(g: GraphWriter, task: str) -> tuple[int, int]:
    """Two outputs of one convolution, of which either may be the mask."""
    features = g.scores(5)
    first = part_of(g, features, (0, 0, 0, 0), (1, 8, 8, 4))
    last = part_of(g, features, (0, 0, 0, 4), (1, 8, 8, 1))
    depth = g.add("LOGISTIC", [last], (1, 8, 8, 1))
    match task:
        case "classes and a depth":
            return g.add("SOFTMAX", [first], (1, 8, 8, 4)), depth
        case "scores and a depth":
            return first, depth
        case "classes and a depth, gathered":
            chosen = g.constant([4], "int32")
            gathered = g.add("GATHER", [features, chosen], (1, 8, 8, 1), options={"axis": 3})
            return (
                g.add("SOFTMAX", [first], (1, 8, 8, 4)),
                g.add("LOGISTIC", [gathered], (1, 8, 8, 1)),
            )
        case "classes and a depth, split":
            axis = g.constant(3, "int32")
            parts = g.add_several(
                "SPLIT", [axis, g.scores(8)], [(1, 8, 8, 4)] * 2, {"numSplits": 2}
            )
            return (
                g.add("SOFTMAX", [parts[0]], (1, 8, 8, 4)),
                g.add("LOGISTIC", [parts[1]], (1, 8, 8, 4)),
            )
        case "two residual heads":
            one, other = g.scores(5, seed=1), g.scores(5, seed=2)
            return (
                g.add("ADD", [features, one], (1, 8, 8, 5)),
                g.add("ADD", [features, other], (1, 8, 8, 5)),
            )
        case "one of several classes or of none":
            return (
                g.add("SOFTMAX", [features], (1, 8, 8, 5)),
                g.add("LOGISTIC", [features], (1, 8, 8, 5)),
            )
    raise ValueError(task)


@pytest.mark.parametrize(
    "task",
    [
        "classes and a depth",
        "scores and a depth",
        "classes and a depth, gathered",
        "classes and a depth, split",
        "two residual heads",
        "one of several classes or of none",
    ],
)
def test_which_output_is_served_does_not_depend_on_their_order(tmp_path: Path, task: str) -> None:
    for turned in (False, True):
        graph = GraphWriter()
        outputs = several_tasks(graph, task)
        data = graph.write(*(reversed(outputs) if turned else outputs))
        with pytest.raises(ModelInvalid, match=r"several may be the mask.*output\.index"):
            read(tmp_path, data)


def test_functions_of_the_same_scores_are_one_task(tmp_path: Path) -> None:
    """Also of a sum of two layers, and of one class that a softmax has compared with the others."""
    graph = GraphWriter()
    total = graph.add("ADD", [graph.scores(2, seed=1), graph.scores(2, seed=2)], (1, 8, 8, 2))
    ids = graph.add("ARG_MAX", [total, graph.constant(3, "int32")], (1, 8, 8), "int64")
    soft = graph.add("SOFTMAX", [total], (1, 8, 8, 2))
    classes = [part_of(graph, soft, (0, 0, 0, at), (1, 8, 8, 1)) for at in (0, 1)]
    for outputs in ((ids, soft), (soft, ids)):
        spec = read(tmp_path, graph.write(*outputs))
        assert (spec.output_position, spec.output_kind) == (outputs.index(soft), "probabilities")
    for order in ((classes[0], classes[1], ids), (ids, classes[1], classes[0])):
        spec = read(tmp_path, graph.write(*order))
        assert (spec.output_position, spec.output_kind) == (1, "probability")


def turned(g: GraphWriter, source: int) -> int:
    _, height, width, channels = g.shape(source)
    order = g.constant([0, 2, 1, 3], "int32")
    return g.add("TRANSPOSE", [source, order], (1, width, height, channels))


def mixed(g: GraphWriter, source: int) -> int:
    """By a product of matrices, after which the shape alone is known."""
    flat = g.add("RESHAPE", [source, g.constant([256, 3], "int32")], (256, 3))
    scores = g.add("FULLY_CONNECTED", [flat, g.constant([[1.0] * 3] * 4)], (256, 4))
    return g.add("RESHAPE", [scores, g.constant([1, 16, 16, 4], "int32")], (1, 16, 16, 4))


def enlarged(g: GraphWriter, source: int, side: int) -> int:
    shape = (1, side, side, g.shape(source)[-1])
    return g.add("RESIZE_BILINEAR", [source, g.constant([side, side], "int32")], shape)


SIDEWAYS: dict[str, Callable[[GraphWriter], int]] = {
    "before a convolution": lambda g: g.scores(4, turned(g, g.image)),
    "before a product of matrices": lambda g: mixed(g, turned(g, g.image)),
    "before a resize": lambda g: g.scores(4, enlarged(g, turned(g, g.image), 8)),
    "before a normalization": lambda g: g.scores(
        4, g.add("SUB", [turned(g, g.image), g.constant(1.0)], (1, 16, 16, 3))
    ),
    "before a resize of scores": lambda g: enlarged(g, turned(g, g.scores(4)), 32),
}


@pytest.mark.parametrize("what", SIDEWAYS)
def test_rows_and_columns_that_are_exchanged_are_asked_about(tmp_path: Path, what: str) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    with pytest.raises(ModelInvalid, match=r"exchanges the picture|in the order column, row"):
        read(tmp_path, graph.write(SIDEWAYS[what](graph)))


@pytest.mark.parametrize("what", ["before a convolution", "before a product of matrices"])
def test_exchanged_rows_and_columns_are_served_if_the_sidecar_says_so(
    tmp_path: Path, what: str
) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    data = graph.write(SIDEWAYS[what](graph))
    assert read(tmp_path, data, "[output]\nshape = [16, 16]\n").output_size == (16, 16)


def strided(g: GraphWriter, source: int, step: tuple[int, ...]) -> int:
    shape = tuple(-(-side // abs(each)) for side, each in zip(g.shape(source), step, strict=True))
    begin = [0 if each > 0 else -1 for each in step]
    end = [
        side if each > 0 else -side - 1 for side, each in zip(g.shape(source), step, strict=True)
    ]
    inputs = [source, *(g.constant(each, "int32") for each in (begin, end, step))]
    return g.add("STRIDED_SLICE", inputs, shape)


def mirrored(g: GraphWriter, over: int, source: int | None = None) -> int:
    source = g.image if source is None else source
    return g.add("REVERSE_V2", [source, g.constant([over], "int32")], g.shape(source))


def as_probabilities(g: GraphWriter, scores: int) -> int:
    return g.add("SOFTMAX", [scores], g.shape(scores))


def as_ids(g: GraphWriter, scores: int) -> int:
    return g.add("ARG_MAX", [scores, g.constant(3, "int32")], g.shape(scores)[:3], "int64")


def half_enlarged(g: GraphWriter) -> int:
    return enlarged(g, part_of(g, g.scores(), (0, 0, 0, 0), (1, 8, 16, 4)), 16)


QUARTER = (1, 8, 8, 3)
PARTS: dict[str, Callable[[GraphWriter], int]] = {
    "a quarter": lambda g: g.scores(4, part_of(g, g.image, (0, 0, 0, 0), QUARTER)),
    "a quarter that is enlarged": lambda g: g.scores(
        4, enlarged(g, part_of(g, g.image, (0, 4, 4, 0), QUARTER), 16)
    ),
    "a quarter whose mask is enlarged": lambda g: enlarged(
        g, g.scores(4, part_of(g, g.image, (0, 8, 8, 0), QUARTER)), 16
    ),
    "all but two rows": lambda g: g.scores(4, part_of(g, g.image, (0, 2, 0, 0), (1, 14, 16, 3))),
    "a mirrored picture": lambda g: g.scores(4, mirrored(g, 2)),
    "a picture upside down": lambda g: g.scores(4, strided(g, g.image, (1, -1, 1, 1))),
    "a quarter of the mask, as probabilities": lambda g: as_probabilities(
        g, part_of(g, g.scores(), (0, 0, 0, 0), (1, 8, 8, 4))
    ),
    "a quarter of the mask, as ids": lambda g: as_ids(
        g, part_of(g, g.scores(), (0, 8, 0, 0), (1, 8, 8, 4))
    ),
    "half of the scores, enlarged, as probabilities": lambda g: as_probabilities(
        g, half_enlarged(g)
    ),
    "half of the scores, enlarged, as ids": lambda g: as_ids(g, half_enlarged(g)),
    "mirrored scores, as probabilities": lambda g: as_probabilities(g, mirrored(g, 2, g.scores())),
    "mirrored scores, as ids": lambda g: as_ids(g, mirrored(g, 1, g.scores())),
    "mirrored scores, by a slice": lambda g: as_ids(g, strided(g, g.scores(), (1, 1, -1, 1))),
}


@pytest.mark.parametrize("what", PARTS)
def test_a_mask_of_a_part_of_the_picture_is_asked_about_wherever_it_is_cut(
    tmp_path: Path, what: str
) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    with pytest.raises(ModelInvalid, match="only a part of the picture"):
        read(tmp_path, graph.write(PARTS[what](graph)))


def padded(g: GraphWriter, source: int, more: int) -> int:
    _, height, width, channels = g.shape(source)
    pads = g.constant([[0, 0], [0, more], [0, more], [0, 0]], "int32")
    return g.add("PAD", [source, pads], (1, height + more, width + more, channels))


def padded_by_pieces(g: GraphWriter) -> int:
    """As converters write what repeats or mirrors the edges."""
    top = part_of(g, g.image, (0, 1, 0, 0), (1, 2, 16, 3))
    below = part_of(g, g.image, (0, 13, 0, 0), (1, 2, 16, 3))
    joined = g.add("CONCATENATION", [top, g.image, below], (1, 20, 16, 3), options={"axis": 1})
    scores = g.scores(4, joined)
    return part_of(g, scores, (0, 2, 0, 0), (1, 16, 16, 4))


def without_batch(g: GraphWriter) -> int:
    """As a slice is written that has strides for the first dimensions only."""
    corners = (g.constant(each, "int32") for each in ([0, 0], [1, 16], [1, 1]))
    return g.scores(4, g.add("STRIDED_SLICE", [g.image, *corners], (1, 16, 16, 3)))


def of_pieces(g: GraphWriter) -> int:
    """As a model that takes a large picture in two halves."""
    halves = [
        g.scores(4, part_of(g, g.image, (0, top, 0, 0), (1, 8, 16, 3)), seed=1) for top in (0, 8)
    ]
    return g.add("CONCATENATION", halves, (1, 16, 16, 4), options={"axis": 1})


def focused(g: GraphWriter) -> int:
    """As YOLO's first layer: every second pixel, four times."""
    pieces = [strided(g, g.image, (1, 2, 2, 1)) for _ in range(4)]
    return g.scores(4, g.add("CONCATENATION", pieces, (1, 8, 8, 12)))


def mirrored_too(g: GraphWriter) -> int:
    """As with test-time augmentation."""
    one, other = g.scores(4, seed=1), g.scores(4, mirrored(g, 2), seed=1)
    return g.add("ADD", [one, g.scores(4, other)], (1, 16, 16, 4))


def turned_within(g: GraphWriter) -> int:
    first = g.scores(6, turned(g, g.image))
    return g.scores(4, turned(g, first))


def reordered_behind_an_ellipsis(g: GraphWriter) -> int:
    """As `picture[..., ::-1]` may be written: two strides, the first for all but the last."""
    corners = (g.constant(each, "int32") for each in ([0, -1], [0, -4], [1, -1]))
    options = {"ellipsisMask": 1}
    return g.scores(4, g.add("STRIDED_SLICE", [g.image, *corners], (1, 16, 16, 3), options=options))


WHOLE: dict[str, Callable[[GraphWriter], int]] = {
    "padding before a layer": lambda g: g.scores(
        4, part_of(g, padded(g, g.image, 1), (0, 0, 0, 0), (1, 16, 16, 3))
    ),
    "padding whose mask is cropped": lambda g: part_of(
        g, g.scores(4, padded(g, g.image, 4)), (0, 0, 0, 0), (1, 16, 16, 4)
    ),
    "much padding before a layer": lambda g: g.scores(
        4, part_of(g, padded(g, g.image, 6), (0, 0, 0, 0), (1, 16, 16, 3))
    ),
    "edges that are repeated": padded_by_pieces,
    "a slice of everything": without_batch,
    "features that are cropped": lambda g: g.scores(
        4, part_of(g, g.scores(6, padded(g, g.image, 8)), (0, 4, 4, 0), (1, 16, 16, 6))
    ),
    "one row and column less": lambda g: g.scores(
        4, part_of(g, g.image, (0, 0, 0, 0), (1, 15, 15, 3))
    ),
    "every second pixel": lambda g: g.scores(4, strided(g, g.image, (1, 2, 2, 1))),
    "red, green and blue in another order": lambda g: g.scores(4, mirrored(g, 3)),
    "the same by a slice": lambda g: g.scores(4, strided(g, g.image, (1, 1, 1, -1))),
    "the same by a slice with an ellipsis": reordered_behind_an_ellipsis,
    "the same by a choice": lambda g: g.scores(
        4,
        g.add(
            "GATHER",
            [g.image, g.constant([2, 1, 0], "int32")],
            (1, 16, 16, 3),
            options={"axis": 3},
        ),
    ),
    "one channel": lambda g: g.scores(4, part_of(g, g.image, (0, 0, 0, 0), (1, 16, 16, 1))),
    "pieces that are joined": of_pieces,
    "four pieces as channels": focused,
    "the picture, and as in a mirror": mirrored_too,
    "exchanged within the network": turned_within,
    "a quarter and the whole": lambda g: g.add(
        "ADD",
        [
            g.scores(4),
            enlarged(g, g.scores(4, part_of(g, g.image, (0, 0, 0, 0), QUARTER), seed=1), 16),
        ],
        (1, 16, 16, 4),
    ),
}


@pytest.mark.parametrize("what", WHOLE)
def test_what_networks_do_with_the_whole_picture_is_served(tmp_path: Path, what: str) -> None:
    graph = GraphWriter((1, 16, 16, 3))
    assert read(tmp_path, graph.write(WHOLE[what](graph))).output_kind == "logits"


def of_any_size(outputs: Callable[[GraphWriter], int], stored: int = 1) -> tuple[GraphWriter, int]:
    graph = GraphWriter((1, stored, stored, 3), signature=(-1, -1, -1, 3))
    output = outputs(graph)
    for at in range(graph.image + 1, output + 1):
        if len(graph.shape(at)) == 4 and graph.shape(at)[0] == 1 and graph.is_computed(at):
            graph.vary(at, (-1, -1, -1, graph.shape(at)[-1]))
    return graph, output


@pytest.mark.parametrize("stored", [1, 16])
@pytest.mark.parametrize("before", [True, False])
def test_an_exchange_in_a_file_of_any_size_is_found_whatever_shape_it_has(
    tmp_path: Path, stored: int, before: bool
) -> None:
    def chain(g: GraphWriter) -> int:
        return g.scores(4, turned(g, g.image)) if before else turned(g, g.scores(4))

    graph, output = of_any_size(chain, stored)
    for sidecar in ("", "size = [48, 48]\n"):
        with pytest.raises(ModelInvalid, match="exchange"):
            read(tmp_path, graph.write(output), sidecar)


@pytest.mark.parametrize("stored", [1, 16])
def test_a_file_of_any_size_with_the_usual_operators_is_served(tmp_path: Path, stored: int) -> None:
    def chain(g: GraphWriter) -> int:
        soft = g.add("SOFTMAX", [g.scores(4)], (1, stored, stored, 4))
        whole = g.constant([0, 0, 0, 0], "int32"), g.constant([-1, -1, -1, -1], "int32")
        return g.add("SLICE", [soft, *whole], (1, stored, stored, 4))

    graph, output = of_any_size(chain, stored)
    spec = read(tmp_path, graph.write(output), "size = [48, 32]\n")
    assert (spec.output_size, spec.output_kind) == ((48, 32), "probabilities")


def test_a_size_that_the_file_does_not_say_is_said_to_be_assumed(tmp_path: Path) -> None:
    graph, output = of_any_size(lambda g: g.scores(4))
    spec = read(tmp_path, graph.write(output), "size = [48, 32]\n")
    assert spec.sources["mask"] == "default"
    assert "taken to be as large as the picture" in spec.notes[1]
    given = "size = [48, 32]\n[output]\nshape = [16, 24]\n"
    spec = read(tmp_path, graph.write(output), given)
    assert spec.sources["mask"] == "sidecar"
    assert not any("taken to be" in each for each in spec.notes)


@pytest.mark.parametrize("activation", ["", "LOGISTIC"])
@pytest.mark.parametrize("classes", [255, 144, 18])
def test_a_pyramid_of_coarse_heads_without_names_may_be_that_of_a_detector(
    tmp_path: Path, activation: str, classes: int
) -> None:
    graph = GraphWriter((1, 64, 64, 3))
    features = graph.scores(8)
    heads = [graph.scores(classes, enlarged(graph, features, side), seed=side) for side in (8, 4)]
    if activation:
        heads = [graph.add(activation, [each], graph.shape(each)) for each in heads]
    for outputs in (heads, heads[::-1]):
        with pytest.raises(ModelInvalid, match="several may be the mask"):
            read(tmp_path, graph.write(*outputs))


def test_a_coarse_mask_with_a_smaller_one_is_served_if_it_is_one_of_classes(
    tmp_path: Path,
) -> None:
    graph = GraphWriter((1, 64, 64, 3))
    features = graph.scores(8)
    small, large = (graph.scores(4, enlarged(graph, features, side), seed=side) for side in (4, 8))
    names = '[classes]\nnames = ["sky", "road", "car", "tree"]\n'
    assert read(tmp_path, graph.write(small, large), names).output_size == (8, 8)
    softened = [graph.add("SOFTMAX", [each], graph.shape(each)) for each in (small, large)]
    assert read(tmp_path, graph.write(*softened)).output_size == (8, 8)
    finer = graph.scores(4, enlarged(graph, features, 16), seed=16)
    assert read(tmp_path, graph.write(small, finer)).output_size == (16, 16)


@pytest.mark.parametrize("dtype", ["float16", "float64", "complex64"])
@pytest.mark.parametrize("kind", ["", "multilabel", "logits"])
def test_a_type_that_is_not_served_is_said_whatever_the_sidecar_says(
    tmp_path: Path, dtype: str, kind: str
) -> None:
    graph = GraphWriter()
    output = graph.add("CAST", [graph.scores()], (1, 8, 8, 4), dtype)
    sidecar = f'[output]\nkind = "{kind}"\n' if kind else ""
    with pytest.raises(ModelInvalid, match=f"outputs of {dtype} are not served; convert") as caught:
        read(tmp_path, graph.write(output), sidecar)
    assert "output.kind" not in str(caught.value)


def test_an_output_of_a_type_that_is_not_served_may_be_beside_the_mask(tmp_path: Path) -> None:
    graph = GraphWriter()
    scores = graph.scores()
    half = graph.add("CAST", [scores], (1, 8, 8, 4), "float16")
    spec = read(tmp_path, graph.write(half, scores))
    assert (spec.output_position, spec.output_kind) == (1, "logits")
