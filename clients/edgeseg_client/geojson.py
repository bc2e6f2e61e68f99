"""Polygons as GeoJSON (RFC 7946), with coordinates in pixels."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from edgeseg_client.polygon import Part, PointArray


def feature_collection(parts: Iterable[Part]) -> dict[str, Any]:
    """A FeatureCollection with a MultiPolygon for each class, ready for `json.dumps`.

    `parts` are grouped by class. Coordinates are pixels, with y downwards; drawing libraries and
    shapely do not mind, maps do.
    """
    classes = groupby(parts, key=lambda part: (part.class_id, part.class_name))
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"class_id": class_id, "class_name": class_name},
                "geometry": {
                    "type": "MultiPolygon",
                    "coordinates": [
                        [_closed(part.outline), *map(_closed, part.holes)] for part in own
                    ],
                },
            }
            for (class_id, class_name), own in classes
        ],
    }


def _closed(points: PointArray) -> list[list[float]]:
    """The points with the first once more at the end."""
    ring: list[list[float]] = points.tolist()
    return [*ring, ring[0]]
