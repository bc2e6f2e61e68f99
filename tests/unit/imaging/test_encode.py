"""Masks become what clients asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco

from edgesegd.core.options import NO_CLASS, Output, PolygonOptions, ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.imaging.encode import Encoder, bounding_box, find_segments
from edgesegd.imaging.labels import Labels, Scores
from edgesegd.imaging.mask import Mask
from edgesegd.imaging.rle import Bools, compress_rle, encode_rle
from edgesegd.models.spec import unnamed_class
from support.model_specs import model_spec

LABELS: Labels = np.array(
    [
        [0, 0, 1, 1, 255],
        [0, 2, 2, 1, 255],
        [0, 2, 2, 0, 0],
    ],
    np.uint8,
)
SCORES: Scores = np.linspace(0, 1, 15, dtype=np.float32).reshape(3, 5)
EVERYTHING = frozenset(Output)
MEMBERS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def encode(*outputs: Output, classes: tuple[int, ...] = (), scores: bool = True) -> FrameResult:
    mask = Mask(LABELS.copy(), SCORES if scores else None)
    exact = PolygonOptions(tolerance=0)
    options = ResultOptions(outputs=frozenset(outputs), classes=classes, polygons=exact)
    return Encoder(model_spec()).encode_mask(mask, options, (640, 480))


def counts(member: Bools) -> list[int]:
    runs: list[int] = encode_rle(member).tolist()
    return runs


@given(MEMBERS)
def test_rle_is_what_pycocotools_reads(member: Bools) -> None:
    height, width = member.shape
    read = coco.frPyObjects({"counts": counts(member), "size": [height, width]}, height, width)
    np.testing.assert_array_equal(coco.decode(read).astype(bool), member)


@given(MEMBERS)
def test_rle_is_as_short_as_that_of_pycocotools(member: Bools) -> None:
    height, width = member.shape
    read = coco.frPyObjects({"counts": counts(member), "size": [height, width]}, height, width)
    assert read["counts"] == coco.encode(np.asfortranarray(member.astype(np.uint8)))["counts"]


@given(MEMBERS)
def test_the_compressed_rle_is_the_string_of_pycocotools(member: Bools) -> None:
    encoded = coco.encode(np.asfortranarray(member.astype(np.uint8)))
    assert compress_rle(encode_rle(member)) == encoded["counts"]


@given(st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=9))
def test_runs_of_any_length_are_compressed(runs: list[int]) -> None:
    """Read back as `rleFrString` of COCO's maskApi.c does."""
    read: list[int] = []
    text = iter(compress_rle(np.array(runs, np.uint32)))
    for first in text:
        number, shift, character = 0, 0, first
        while True:
            assert 48 <= character <= 111
            number |= (character - 48 & 31) << shift
            shift += 5
            if not character - 48 & 32:
                break
            character = next(text)
        if character - 48 & 16:
            number -= 1 << shift
        read.append(number + (read[-2] if len(read) > 2 else 0))
    assert read == runs


@pytest.mark.parametrize(
    ("runs", "text"),
    [([0], b"0"), ([15], b"?"), ([16], b"`0"), ([4, 2, 3], b"423"), ([6, 1, 40, 4, 5], b"61X13mN")],
)
def test_compressed_rle_has_five_bits_a_character_from_0_on(runs: list[int], text: bytes) -> None:
    assert compress_rle(np.array(runs, np.uint32)) == text


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        ([[0, 1], [0, 1]], [2, 2]),
        ([[1, 0], [1, 0]], [0, 2, 2]),
        ([[0, 0], [1, 0]], [1, 1, 2]),
        ([[1, 1], [1, 1]], [0, 4]),
        ([[0, 0], [0, 0]], [4]),
        ([[1]], [0, 1]),
    ],
)
def test_rle_runs_go_down_the_columns_and_begin_with_zeros(
    rows: list[list[int]], runs: list[int]
) -> None:
    assert counts(np.array(rows, bool)) == runs


@given(MEMBERS.filter(lambda member: bool(member.any())))
def test_bounding_boxes_are_those_of_pycocotools(member: Bools) -> None:
    encoded = coco.encode(np.asfortranarray(member.astype(np.uint8)))
    assert bounding_box(member) == tuple(int(side) for side in coco.toBbox(encoded))


def test_labels_are_bytes_row_by_row() -> None:
    result = encode(Output.LABELS)
    assert (result.width, result.height, result.frame_size) == (5, 3, (640, 480))
    assert result.planes == {Output.LABELS: LABELS.tobytes()}
    assert result.segments == ()


def test_the_png_holds_class_ids_and_the_models_colours() -> None:
    image = Image.open(io.BytesIO(encode(Output.LABELS_PNG).planes[Output.LABELS_PNG]))
    assert (image.format, image.mode, image.size) == ("PNG", "P", (5, 3))
    np.testing.assert_array_equal(np.asarray(image), LABELS)
    palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
    assert palette[:3].tolist() == [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    assert palette[3].tolist() == list(unnamed_class(3).color)
    assert palette[NO_CLASS].tolist() == [128, 128, 128]


def test_the_confidence_map_has_a_byte_a_pixel() -> None:
    plane = encode(Output.CONFIDENCE_MAP).planes[Output.CONFIDENCE_MAP]
    np.testing.assert_array_equal(
        np.frombuffer(plane, np.uint8).reshape(3, 5), (SCORES * 255).round()
    )


def test_scores_a_little_over_1_are_the_surest_and_not_the_least() -> None:
    """A quantized output of scale 1/254 gives 255/254."""
    mask = Mask(LABELS, np.full(LABELS.shape, 255 / 254, np.float32))
    options = ResultOptions(outputs=frozenset({Output.CONFIDENCE_MAP}))
    result = Encoder(model_spec()).encode_mask(mask, options, (5, 3))
    assert set(result.planes[Output.CONFIDENCE_MAP]) == {255}


def test_each_class_has_its_area_and_box() -> None:
    found = encode(Output.STATISTICS).segments
    assert [(each.class_id, each.area, each.box) for each in found] == [
        (0, 6, (0, 0, 5, 3)),
        (1, 3, (2, 0, 2, 2)),
        (2, 4, (1, 1, 2, 2)),
    ]
    assert all(each.mean_confidence is None and each.rle is None for each in found)


def test_the_mean_confidence_is_that_of_the_classs_pixels() -> None:
    found = encode(Output.CONFIDENCE).segments
    assert len(found) == 3
    for each in found:
        assert each.mean_confidence == pytest.approx(SCORES[each.class_id == LABELS].mean())
        assert (each.area, each.box, each.rle) == (0, (0, 0, 0, 0), None)


def test_each_class_has_its_own_rle() -> None:
    found = encode(Output.RLE).segments
    assert len(found) == 3
    for each in found:
        assert each.rle == encode_rle(np.equal(LABELS, each.class_id)).tobytes()
        assert (each.area, each.mean_confidence) == (0, None)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_every_pixel_belongs_to_exactly_one_segment_or_none(labels: Labels) -> None:
    again = np.full(labels.shape, NO_CLASS, np.uint8)
    options = ResultOptions(frozenset({Output.RLE, Output.STATISTICS}))
    found = find_segments(Mask(labels, None), options)
    assert [each.class_id for each in found] == sorted({*labels.ravel().tolist()} - {NO_CLASS})
    height, width = labels.shape
    for each in found:
        assert each.rle is not None
        runs = np.frombuffer(each.rle, np.uint32).tolist()
        read = coco.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
        member = coco.decode(read).astype(bool)
        assert member.sum() == each.area
        again[member] = each.class_id
    np.testing.assert_array_equal(again, labels)


@pytest.mark.parametrize("wanted", [(1,), (0, 2), (2,)])
def test_classes_that_are_not_wanted_are_no_class(wanted: tuple[int, ...]) -> None:
    result = encode(*EVERYTHING, classes=wanted)
    kept = np.where(np.isin(LABELS, wanted), LABELS, NO_CLASS)
    assert result.planes[Output.LABELS] == kept.astype(np.uint8).tobytes()
    image = Image.open(io.BytesIO(result.planes[Output.LABELS_PNG]))
    np.testing.assert_array_equal(np.asarray(image), kept)
    assert [each.class_id for each in result.segments] == list(wanted)
    everything = encode(*EVERYTHING).segments
    assert result.segments == tuple(each for each in everything if each.class_id in wanted)


def test_a_wanted_class_that_is_not_there_is_not_found() -> None:
    result = encode(*EVERYTHING, classes=(7,))
    assert result.segments == ()
    assert set(result.planes[Output.LABELS]) == {NO_CLASS}


def test_without_scores_there_is_no_confidence() -> None:
    result = encode(Output.LABELS, Output.STATISTICS, scores=False)
    assert Output.CONFIDENCE_MAP not in result.planes
    assert {each.mean_confidence for each in result.segments} == {None}


@given(st.sets(st.sampled_from(sorted(EVERYTHING)), min_size=1))
def test_nothing_is_given_that_was_not_asked_for(outputs: set[Output]) -> None:
    result = encode(*outputs)
    planes = {Output.LABELS, Output.LABELS_PNG, Output.CONFIDENCE_MAP}
    assert set(result.planes) == outputs & planes
    assert bool(result.segments) == bool(outputs - planes - {Output.OUTPUT_TENSOR})
