"""The source pad `mask`, with the masks as GRAY8 pictures."""

from __future__ import annotations

import re
from typing import Final

import gi

gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402  # a version has to be required before

from edgeseg_gstreamer import native  # noqa: E402
from edgeseg_gstreamer.settings import Size  # noqa: E402

# The structures of caps are read in different ways in different versions of GStreamer's Python.
_FRAMERATE: Final = re.compile(r"framerate=\(fraction\)([0-9]+/[0-9]+)")
_SIZE: Final = re.compile(r"video/x-raw.* width=\(int\)([0-9]+), height=\(int\)([0-9]+)")


class MaskPad:
    """Sends the mask of each picture that has one, with the picture's time and duration.

    `size` is the size of masks that was asked for. Where it is known before the first mask, caps
    are sent at once, and pictures without a mask become gaps. A JPEG's size is not known before,
    and neither is the model's.
    """

    def __init__(self, pad: Gst.Pad, size: Size) -> None:
        self.pad = pad
        self.size = size
        self._begun = False
        self._group: tuple[bool, int] = (False, 0)
        self._framerate = "0/1"
        self._caps: Gst.Caps | None = None
        self._segment: Gst.Event | None = None

    def pass_event(self, event: Gst.Event) -> None:
        """Takes an event that goes to the pad with the pictures."""
        match event.type:
            case Gst.EventType.STREAM_START:
                self._begun = False
                self._group = event.parse_group_id()
            case Gst.EventType.CAPS:
                self._read_caps(event.parse_caps().to_string())
            case Gst.EventType.SEGMENT:
                self._segment = event
                if self._caps is not None:
                    self.pad.push_event(event)
            case Gst.EventType.EOS:
                self._begin()
                self.pad.push_event(event)
            case Gst.EventType.FLUSH_START | Gst.EventType.FLUSH_STOP:
                self.pad.push_event(event)
            case _:
                pass

    def push(self, gray: Gst.Buffer, picture: Gst.Buffer) -> Gst.FlowReturn:
        """Sends a mask, as a buffer, with the time of its picture."""
        meta = GstVideo.buffer_get_video_meta(gray)
        self._send_caps(meta.width, meta.height)
        sent = native.shallow_copy(gray)
        sent.pts, sent.dts, sent.duration = picture.pts, Gst.CLOCK_TIME_NONE, picture.duration
        return self.pad.push(sent)

    def skip(self, picture: Gst.Buffer) -> None:
        """Says that a picture has no mask, so that what is behind the pad does not wait for it."""
        if self._caps is not None and picture.pts != Gst.CLOCK_TIME_NONE:
            self.pad.push_event(Gst.Event.new_gap(picture.pts, picture.duration))

    def _read_caps(self, caps: str) -> None:
        framerate, size = _FRAMERATE.search(caps), _SIZE.match(caps)
        self._framerate = "0/1" if framerate is None else framerate[1]
        if self.size == "frame" and size is not None:
            self._send_caps(int(size[1]), int(size[2]))
        elif isinstance(self.size, tuple):
            self._send_caps(*self.size)

    def _send_caps(self, width: int, height: int) -> None:
        """Sends caps if they are others than before, and a segment that has waited for caps."""
        self._begin()
        caps = Gst.Caps.from_string(
            f"video/x-raw,format=GRAY8,width={width},height={height},"
            f"framerate={self._framerate},interlace-mode=progressive"
        )
        if self._caps is not None and caps.is_equal(self._caps):
            return
        first, self._caps = self._caps is None, caps
        self.pad.push_event(Gst.Event.new_caps(caps))
        if first and self._segment is not None:
            self.pad.push_event(self._segment)

    def _begin(self) -> None:
        if not self._begun:
            self._begun, self._caps = True, None
            name = self.pad.create_stream_id(self.pad.get_parent_element(), "mask")
            start = Gst.Event.new_stream_start(name)
            if self._group[0]:
                start.set_group_id(self._group[1])
            self.pad.push_event(start)
