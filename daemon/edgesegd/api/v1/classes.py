"""Converts classes to messages of `edgeseg.v1`."""

from __future__ import annotations

from collections.abc import Iterable

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.model import ClassSpec


def class_infos(classes: Iterable[ClassSpec]) -> list[pb.ClassInfo]:
    """The messages for all classes of a model, given in the order of their ids."""
    return [
        pb.ClassInfo(id=class_id, name=known.name, color=int.from_bytes(bytes(known.color)))
        for class_id, known in enumerate(classes)
    ]
