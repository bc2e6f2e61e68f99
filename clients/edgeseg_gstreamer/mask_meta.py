"""The mask of a picture as metadata of its buffer: the custom meta `EdgesegMask`.

| field | type | what it is |
| --- | --- | --- |
| mask | GstBuffer | class ids, GRAY8 with a GstVideoMeta; 255 is "no class" |
| width, height | gint | the size of the mask, in pixels |
| stride | gint | bytes from one row of the mask to the next |
| pts | guint64 | the time of the picture that the mask was made from, in nanoseconds |
| frame-width, frame-height | gint | the size of that picture, in pixels |
| names | GStrv | the name of each class by its id; empty where the model has no such class |
| colors | GBytes | red, green and blue of each class by its id |
| model, model-version | gchararray | what segmented |

GStreamer drops it where a picture is scaled, cropped or turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gi
import numpy as np
import numpy.typing as npt

gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, GObject, Gst, GstVideo  # noqa: E402  # a version has to be required

from edgeseg_gstreamer import native  # noqa: E402
from edgeseg_gstreamer.mask import Mask  # noqa: E402

NAME: Final = "EdgesegMask"
_ALIGNMENT: Final = 4
"""Bytes: rows of GRAY8 without a GstVideoMeta begin at multiples of it."""
# With these tags, elements that change the geometry drop a meta that they cannot transform.
if Gst.Meta.get_info(NAME) is None:
    Gst.Meta.register_custom(NAME, ["video", "orientation", "size"], None, None)


def gray_buffer(labels: npt.NDArray[np.uint8]) -> Gst.Buffer:
    """The labels as a GRAY8 buffer, in rows as GStreamer expects them."""
    height, width = labels.shape
    rows = np.pad(labels, ((0, 0), (0, -width % _ALIGNMENT)))
    buffer = Gst.Buffer.new_wrapped(rows.tobytes())
    GstVideo.buffer_add_video_meta(
        buffer, GstVideo.VideoFrameFlags.NONE, GstVideo.VideoFormat.GRAY8, width, height
    )
    return buffer


def attach(buffer: Gst.Buffer, mask: Mask, gray: Gst.Buffer) -> None:
    """Attaches the mask to a writable buffer; `gray` is the mask as a buffer.

    Raises `RuntimeError` if GStreamer refuses it.
    """
    height, width = mask.labels.shape
    frame_width, frame_height = mask.frame_size
    numbers = {
        "width": width,
        "height": height,
        "stride": width + -width % _ALIGNMENT,
        "frame-width": frame_width,
        "frame-height": frame_height,
    }
    texts = {"model": mask.model, "model-version": mask.model_version}
    fields: dict[str, Any] = {
        "mask": GObject.Value(Gst.Buffer, gray),
        "pts": GObject.Value(GObject.TYPE_UINT64, mask.pts),
        "names": GObject.Value(GObject.TYPE_STRV, mask.names),
        "colors": GObject.Value(GLib.Bytes, GLib.Bytes.new(mask.colors)),
    }
    fields |= {name: GObject.Value(GObject.TYPE_INT, value) for name, value in numbers.items()}
    fields |= {name: GObject.Value(GObject.TYPE_STRING, text) for name, text in texts.items()}
    native.add_custom_meta(buffer, NAME, fields)


class AttachedMask:
    """A mask that is attached to a buffer; see this module for its fields."""

    def __init__(self, structure: Gst.Structure) -> None:
        self._structure = structure

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) of the picture that the mask was made from."""
        return self._value("frame-width"), self._value("frame-height")

    @property
    def names(self) -> Sequence[str]:
        """The names of classes by their ids."""
        names: Sequence[str] = self._value("names")
        return names

    @property
    def colors(self) -> npt.NDArray[np.uint8]:
        """The colours of classes by their ids, uint8 of shape (N, 3): red, green, blue."""
        return np.frombuffer(self._value("colors").get_data(), np.uint8).reshape(-1, 3)

    def labels(self) -> npt.NDArray[np.uint8]:
        """A copy of the class ids, uint8 of shape (height, width)."""
        mask, stride = self._value("mask"), self._value("stride")
        rows = np.frombuffer(mask.extract_dup(0, mask.get_size()), np.uint8)
        return rows.reshape(self._value("height"), stride)[:, : self._value("width")]

    def _value(self, name: str) -> Any:  # noqa: ANN401  # as the table says
        return self._structure.get_value(name)


def attached_mask(buffer: Gst.Buffer) -> AttachedMask | None:
    """The mask that is attached to a buffer."""
    meta = buffer.get_custom_meta(NAME)
    return None if meta is None else AttachedMask(meta.get_structure())
