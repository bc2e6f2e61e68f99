"""Outlines of masks are exact, or as near as their tolerance says."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw
from street import street_labels

from edgesegd.core.errors import InvalidOptions
from edgesegd.core.options import NO_CLASS, PolygonOptions
from edgesegd.imaging import simplify
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.polygons import MAX_OUTLINES, find_outlines
from support.drawing import Member, Ring, area, fill, iou, read_outlines

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)
MAPS = hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 7, 254, NO_CLASS]))
FULL_MAPS = hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 3))
TWO_CLASSES = hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, NO_CLASS]))
"""Many pixels that touch with a corner only, and holes."""
DEFAULT = PolygonOptions().tolerance
TOLERANCES = st.sampled_from([0.1, 0.4, 0.5, 0.75, 1.0, 1.5, 3.0, 1000.0])

Found = dict[int, list[tuple[Ring, bool]]]
"""The outlines of each class, and whether they are of holes."""


def outlines(labels: Labels, tolerance: float = 0, min_area: int = 0) -> Found:
    found = find_outlines(labels, PolygonOptions(tolerance, min_area))
    return {
        class_id: [
            (ring, bool(hole)) for ring, hole in zip(read_outlines(each), each.holes, strict=True)
        ]
        for class_id, each in found.items()
    }


def classes_in(labels: Labels) -> list[int]:
    return sorted({*labels.ravel().tolist()} - {NO_CLASS})


def mask_of(found: Found, class_id: int, shape: tuple[int, ...]) -> Member:
    return fill([ring for ring, _ in found[class_id]], shape)


def drawn_by_pillow(rings: list[tuple[Ring, bool]], shape: tuple[int, ...]) -> Member:
    """Each part and then its holes, four times as large, for Pillow draws the edges too."""
    image = Image.new("1", (shape[1] * 4, shape[0] * 4))
    draw = ImageDraw.Draw(image)
    for ring, hole in rings:
        draw.polygon([(float(x), float(y)) for x, y in ring * 4], fill=0 if hole else 1)
    return np.asarray(image)[2::4, 2::4]


@given(MAPS | FULL_MAPS | TWO_CLASSES)
def test_without_tolerance_every_pixel_is_drawn_back(labels: Labels) -> None:
    found = outlines(labels)
    assert list(found) == classes_in(labels)
    for class_id in found:
        np.testing.assert_array_equal(mask_of(found, class_id, labels.shape), labels == class_id)


@given(MAPS | FULL_MAPS | TWO_CLASSES)
def test_without_tolerance_pillow_draws_every_pixel_back(labels: Labels) -> None:
    for class_id, rings in outlines(labels).items():
        np.testing.assert_array_equal(drawn_by_pillow(rings, labels.shape), labels == class_id)


@given(MAPS | TWO_CLASSES)
def test_the_signed_areas_of_the_exact_outlines_are_the_pixels_of_their_class(
    labels: Labels,
) -> None:
    for class_id, rings in outlines(labels).items():
        assert all((area(ring) < 0) == hole for ring, hole in rings)
        assert sum(area(ring) for ring, _ in rings) == (labels == class_id).sum()


@given(MAPS | TWO_CLASSES)
def test_an_exact_outline_has_a_whole_point_at_each_turn_and_visits_none_twice(
    labels: Labels,
) -> None:
    for ring, _ in itertools.chain(*outlines(labels).values()):
        assert (ring == ring.round()).all()
        assert len({*map(tuple, ring.tolist())}) == len(ring)
        across = np.roll(ring, -1, axis=0)[:, 1] == ring[:, 1]
        down = np.roll(ring, -1, axis=0)[:, 0] == ring[:, 0]
        assert (across ^ down).all()
        assert (across != np.roll(across, 1)).all()


def parts_of(rings: list[tuple[Ring, bool]]) -> list[list[Ring]]:
    """Each part with the holes that follow it."""
    parts: list[list[Ring]] = []
    for ring, hole in rings:
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


@given(MAPS | TWO_CLASSES)
def test_a_hole_follows_the_part_that_it_is_in(labels: Labels) -> None:
    """So each part is one connected region by itself, and no two overlap."""
    for class_id, rings in outlines(labels).items():
        masks = [fill(part, labels.shape) for part in parts_of(rings)]
        assert (np.sum(masks, axis=0) == (labels == class_id)).all()
        for mask in masks:
            assert connected(mask)


def connected(mask: Member) -> bool:
    """Whether its pixels hang together by their edges."""
    left = {*zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True)}
    todo = [left.pop()]
    while todo:
        y, x = todo.pop()
        for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if near in left:
                left.remove(near)
                todo.append(near)
    return not left


def distance(point: Ring, ring: Ring) -> float:
    """From a point to the nearest place of a closed outline."""
    start, way = ring, np.roll(ring, -1, axis=0) - ring
    along = ((point - start) * way).sum(axis=1) / np.maximum((way * way).sum(axis=1), 1e-9)
    nearest = start + way * along.clip(0, 1)[:, None]
    return float(np.hypot(*(point - nearest).T).min())


@given(MAPS | FULL_MAPS | TWO_CLASSES, TOLERANCES)
def test_no_corner_is_farther_from_its_outline_than_the_tolerance(
    labels: Labels, tolerance: float
) -> None:
    exact, simple = outlines(labels), outlines(labels, tolerance)
    for class_id, rings in exact.items():
        for (ring, _), (fewer, _) in zip(rings, simple[class_id], strict=True):
            assert max(distance(corner, fewer) for corner in ring) <= tolerance + 1e-6


@given(MAPS | FULL_MAPS | TWO_CLASSES, TOLERANCES)
def test_no_outline_collapses_at_any_tolerance(labels: Labels, tolerance: float) -> None:
    exact, simple = outlines(labels), outlines(labels, tolerance)
    for class_id, rings in exact.items():
        for (ring, hole), (fewer, still_hole) in zip(rings, simple[class_id], strict=True):
            assert len(fewer) >= 3
            assert hole == still_hole == (area(fewer) < 0)
            assert 0.4 < area(fewer) / area(ring) < 1.7


@given(FULL_MAPS, TOLERANCES)
def test_neighbours_have_the_same_points_where_they_meet(labels: Labels, tolerance: float) -> None:
    height, width = labels.shape
    edges: Counter[frozenset[tuple[float, ...]]] = Counter()
    for ring, _ in itertools.chain(*outlines(labels, tolerance).values()):
        points = [tuple(point) for point in ring.tolist()]
        edges.update(map(frozenset, itertools.pairwise([*points, points[0]])))
    for edge, count in edges.items():
        xs, ys = ({point[axis] for point in edge} for axis in (0, 1))
        on_border = xs in ({0}, {width}) or ys in ({0}, {height})
        assert count == (1 if on_border else 2), (edge, count)


@given(MAPS | FULL_MAPS | TWO_CLASSES, st.sampled_from([0.1, 0.3, 0.5, 0.6, DEFAULT]))
def test_up_to_the_default_tolerance_every_pixel_is_drawn_back_by_centres(
    labels: Labels, tolerance: float
) -> None:
    """However small or thin the parts of a class are."""
    assert_drawn_back(labels, tolerance)


def assert_drawn_back(labels: Labels, tolerance: float) -> None:
    found = outlines(labels, tolerance)
    for class_id in classes_in(labels):
        np.testing.assert_array_equal(mask_of(found, class_id, labels.shape), labels == class_id)


@pytest.mark.parametrize("seed", range(25))
def test_lines_stripes_and_spots_are_drawn_back_with_the_default_tolerance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    side = int(rng.integers(12, 60))
    places = [tuple(each) for each in rng.integers(0, side, (12, 2)).tolist()]
    for width in (1, 2, 3):
        image = Image.new("L", (side, side))
        draw = ImageDraw.Draw(image)
        for number in range(3):
            draw.line(places[4 * number : 4 * number + 3], fill=number + 1, width=width)
        assert_drawn_back(np.asarray(image), DEFAULT)
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for number, (x, y) in enumerate(places):
        across, down = rng.integers(1, side // 3, 2).tolist()
        draw.ellipse((x - across, y - down, x + across, y + down), fill=number % 5)
    assert_drawn_back(np.asarray(image), DEFAULT)
    rows, columns = np.mgrid[:side, :side]
    stripes = (columns * rng.uniform(0, 2) + rows) // rng.uniform(1, 4) % 3
    assert_drawn_back(stripes.astype(np.uint8), DEFAULT)


@pytest.mark.parametrize("size", [(257, 257), (512, 512), (640, 360)])
@pytest.mark.parametrize("stride", [4, 8])
def test_a_street_is_drawn_back_by_centres_and_nearly_so_by_pillow(
    size: tuple[int, int], stride: int
) -> None:
    labels = street_labels(*size, stride=stride)
    exact, found = outlines(labels), outlines(labels, DEFAULT)
    assert len(found) >= 8
    for class_id, rings in found.items():
        member = labels == class_id
        assert iou(mask_of(found, class_id, labels.shape), member) == 1
        assert iou(drawn_by_pillow(rings, labels.shape), member) >= 0.98
        assert iou(mask_of(exact, class_id, labels.shape), member) == 1
    count = sum(len(ring) for ring, _ in itertools.chain(*found.values()))
    assert count < 0.75 * sum(len(ring) for ring, _ in itertools.chain(*exact.values()))


def test_a_larger_tolerance_leaves_fewer_points() -> None:
    labels = street_labels(257, 257)
    counts = [
        sum(len(ring) for ring, _ in itertools.chain(*outlines(labels, tolerance).values()))
        for tolerance in (0, 0.5, 0.75, 1, 1.5, 2)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 3


def test_a_slanting_edge_is_one_line() -> None:
    labels = (np.add.outer(np.arange(40), np.arange(40)) < 40).astype(np.uint8)
    [(triangle, _)] = outlines(labels, 0.75)[1]
    assert len(triangle) == 5
    assert len(outlines(labels)[1][0][0]) > 70


def test_a_long_comb_takes_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of teeth that are all as long only one would be found in a round."""
    labels = np.zeros((20, 6_000), np.uint8)
    labels[3:, np.arange(6_000) % 6 < 3] = 1
    labels[-3:] = 1
    rounds = 0

    def counted(*arguments: Any) -> Any:  # noqa: ANN401 # as square_distances
        nonlocal rounds
        rounds += 1
        return square_distances(*arguments)

    square_distances = simplify.square_distances
    monkeypatch.setattr(simplify, "square_distances", counted)
    found = outlines(labels, 0.75)
    assert sum(len(ring) for ring, _ in found[1]) > 2_000
    assert 1 < rounds <= 2 * simplify.MAX_PART


def test_a_mask_without_a_class_has_no_outlines() -> None:
    assert outlines(np.full((5, 4), NO_CLASS, np.uint8)) == {}


@pytest.mark.parametrize("shape", [(1, 65_535), (65_535, 1)])
def test_the_longest_side_has_an_outline(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, np.uint8)
    labels.ravel()[30_000:] = 1
    found = outlines(labels, 0.75)
    assert [area(ring) for (ring, _) in (found[0][0], found[1][0])] == [30_000, 35_535]


def test_parts_and_holes_under_the_smallest_area_are_left_out() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:5, 2:5], labels[10:14, 10:14], labels[8, 2] = 1, 1, 1
    assert [len(rings) for rings in outlines(labels).values()] == [4, 3]
    found = outlines(labels, min_area=9)
    assert [[area(ring) for ring, _ in rings] for rings in found.values()] == [
        [400, -9, -16],
        [9, 16],
    ]
    assert list(outlines(labels, min_area=17)) == [0]


def test_a_mask_of_noise_is_refused_and_the_limit_is_named() -> None:
    noise = np.random.default_rng(0).integers(0, 20, (257, 257), np.uint8)
    with pytest.raises(InvalidOptions, match=r"corners, more than the 131,072 .* ask for another"):
        outlines(noise)


def test_a_larger_mask_of_noise_is_refused_before_its_corners_are_found() -> None:
    noise = np.random.default_rng(0).integers(0, 20, (1000, 1000), np.uint8)
    with pytest.raises(InvalidOptions, match=r"points on edges of pixels, more than the 262,144"):
        outlines(noise)


def test_too_many_parts_are_refused_unless_a_smallest_area_leaves_them_out() -> None:
    labels = np.full((200, 200), NO_CLASS, np.uint8)
    labels[::3, ::3] = 1
    assert len(np.flatnonzero(labels == 1)) > MAX_OUTLINES
    with pytest.raises(InvalidOptions, match=r"4,489 parts and holes.* 4,096 .*minimum area"):
        outlines(labels)
    labels[100:110, 100:110] = 1
    assert len(outlines(labels, min_area=50)[1]) == 1
