"""Polygons as arrays, GeoJSON and COCO's annotations; compressed run lengths for pycocotools."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, Part
from edgeseg_client.coco import class_annotations
from edgeseg_client.decode import ResultReader
from edgeseg_client.geojson import feature_collection
from edgeseg_client.result import Result
from edgesegd.api.v1.responses import segmentation
from edgesegd.core.options import NO_CLASS, Output, PolygonOptions, ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.imaging.encode import find_segments
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.mask import Mask
from support.drawing import fill

from .scripted_daemon import GOOD

MAPS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.sampled_from([0, 1, NO_CLASS]),
)
FRAMED: Labels = np.array([[3, 3, 3, 3], [3, 9, 9, 3], [3, 3, 3, 3], [255, 255, 255, 3]], np.uint8)
"""A frame of class 3 around two pixels of class 9."""


def result_of(labels: Labels) -> Result:
    """As the daemon sends it, with exact polygons."""
    outputs = frozenset({Output.POLYGONS, Output.RLE_COMPRESSED})
    options = ResultOptions(outputs, polygons=PolygonOptions(tolerance=0))
    height, width = labels.shape
    found = find_segments(Mask(labels, None), options)
    sent = segmentation(FrameResult(width, height, (width, height), {}, found))
    raw = pb.SegmentImageResponse(segmentation=sent).SerializeToString()
    reader = ResultReader(("polygons", "rle_compressed"))
    return reader.read(pb.SegmentImageResponse.FromString(raw))


def test_polygons_are_parts_with_their_holes() -> None:
    framed, inside = result_of(FRAMED).polygons()
    assert (framed.class_id, framed.area, len(framed.holes)) == (3, 11, 1)
    assert (inside.class_id, inside.area, inside.holes) == (9, 2, ())
    assert sorted(inside.outline.tolist()) == [[1, 1], [1, 2], [3, 1], [3, 2]]
    assert inside.outline.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        inside.outline[0] = 7


@given(MAPS)
def test_the_parts_of_a_class_are_its_mask(labels: Labels) -> None:
    parts = result_of(labels).polygons()
    for class_id in {part.class_id for part in parts}:
        own = [part for part in parts if part.class_id == class_id]
        rings = [ring for part in own for ring in (part.outline, *part.holes)]
        assert (fill(rings, labels.shape) == (labels == class_id)).all()
        assert sum(part.area for part in own) == (labels == class_id).sum()


def test_geojson_is_a_collection_of_multipolygons_with_closed_rings() -> None:
    collection = json.loads(json.dumps(result_of(FRAMED).geojson()))
    assert collection["type"] == "FeatureCollection"
    framed, inside = collection["features"]
    assert framed["properties"]["class_id"] == 3
    assert inside["geometry"] == {
        "type": "MultiPolygon",
        "coordinates": [[[[1, 1], [3, 1], [3, 2], [1, 2], [1, 1]]]],
    }
    [[outline, hole]] = framed["geometry"]["coordinates"]
    assert outline[0] == outline[-1]
    assert hole[0] == hole[-1]


def test_geojson_of_nothing_has_no_features() -> None:
    assert feature_collection([]) == {"type": "FeatureCollection", "features": []}


@given(MAPS)
def test_pycocotools_draws_annotations_back_with_their_holes(labels: Labels) -> None:
    height, width = labels.shape
    found = json.loads(json.dumps(result_of(labels).coco_annotations(image_id=5, first_id=8)))
    assert [one["id"] for one in found] == [8 + index for index in range(len(found))]
    assert {one["image_id"] for one in found} <= {5}
    assert [one["category_id"] for one in found] == sorted({*labels.ravel().tolist()} - {NO_CLASS})
    for one in found:
        member = labels == one["category_id"]
        rle = coco.merge(coco.frPyObjects(one["segmentation"], height, width))
        np.testing.assert_array_equal(coco.decode(rle).astype(bool), member)
        assert one["area"] == member.sum()
        assert one["bbox"] == coco.toBbox(rle).tolist()


def test_annotations_of_nothing_are_none() -> None:
    no_parts: list[Part] = []
    assert class_annotations(no_parts) == []


@given(MAPS)
def test_pycocotools_reads_the_compressed_run_lengths(labels: Labels) -> None:
    result = result_of(labels)
    for found in result.segments:
        rle = json.loads(json.dumps(found.coco_rle(result.shape)))
        member = coco.decode(rle).astype(bool)
        np.testing.assert_array_equal(member, labels == found.class_id)


def test_a_result_without_a_part_that_is_large_enough_has_no_polygons() -> None:
    """Not an error: they were asked for."""
    response = pb.SegmentImageResponse(segmentation=pb.Segmentation(segments=[pb.Segment()]))
    assert ResultReader(("polygons",)).read(response).polygons() == []


def test_polygons_of_calls_and_streams_are_there_if_they_were_asked_for(client: Client) -> None:
    called = client.segment(GOOD, outputs=["polygons"])
    [streamed] = client.stream([GOOD], outputs=["polygons"])
    for result in (called, streamed.result):
        assert [part.class_name for part in result.polygons()] == ["road"]
        assert result.segments[0].coco_rle(result.shape) == {"size": [2, 3], "counts": "21100"}
