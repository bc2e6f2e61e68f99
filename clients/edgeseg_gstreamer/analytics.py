"""The mask as GStreamer's own analytics metadata, which GStreamer 1.26 and later have."""

from __future__ import annotations

from typing import Any

import gi
import numpy as np

try:
    gi.require_version("GstAnalytics", "1.0")
    from gi.repository import GstAnalytics
except (ValueError, ImportError):  # the library or its description is not installed
    GstAnalytics = None
from gi.repository import GLib, Gst

from edgeseg_gstreamer.mask import Mask

_NO_CLASS_NAME = "no class"


def available() -> bool:
    """Whether this GStreamer has segmentation metadata."""
    return hasattr(GstAnalytics, "SegmentationMtd")


def attach(buffer: Gst.Buffer, mask: Mask, gray: Gst.Buffer) -> None:
    """Attaches the mask to a writable buffer; `gray` is the mask as a buffer with a GstVideoMeta.

    Raises `RuntimeError` if GStreamer refuses it.

    The ids of the regions are the class ids that the mask has, 255 for "no class" among them. A
    classification that is related to the mask has their names, in the order of the regions.
    """
    meta: Any = GstAnalytics.buffer_add_analytics_relation_meta(buffer)
    ids = np.flatnonzero(np.bincount(mask.labels.ravel(), minlength=256)).tolist()
    names = dict(enumerate(mask.names))
    width, height = mask.frame_size
    # The mask covers the whole picture, in pixels of the picture.
    added, segmentation = meta.add_segmentation_mtd(
        gray, GstAnalytics.SegmentationType.SEMANTIC, ids, 0, 0, width, height
    )
    quarks = [GLib.quark_from_string(names.get(one) or _NO_CLASS_NAME) for one in ids]
    classified, classification = meta.add_cls_mtd([1.0] * len(ids), quarks)
    if not (added and classified):
        raise RuntimeError("GStreamer refused the analytics metadata")
    meta.set_relation(GstAnalytics.RelTypes.RELATE_TO, segmentation.id, classification.id)
