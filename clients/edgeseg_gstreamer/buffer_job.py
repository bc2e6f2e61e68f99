"""A buffer as a picture that the segmenter sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gi.repository import Gst

from edgeseg_client import ImageLike
from edgeseg_gstreamer.mask import jpeg_orientation
from edgeseg_gstreamer.video_layout import VideoLayout


class BufferJob:
    """Reads the buffer when it is sent. `layout` is None for a JPEG, which is sent as it is."""

    def __init__(
        self,
        key: int,
        buffer: Gst.Buffer,
        layout: VideoLayout | None,
        captured_unix_ns: int | None,
    ) -> None:
        self.key = key
        self.pts: int = buffer.pts
        self.captured_unix_ns = captured_unix_ns
        self.orientation = 1
        """The EXIF orientation; known once it was opened."""
        self._buffer: Gst.Buffer | None = buffer
        self._layout = layout

    @contextmanager
    def opened(self) -> Iterator[ImageLike]:
        """The picture, which can be read within the context; empty if it cannot be mapped."""
        buffer = self._buffer
        mapped, info = (False, None) if buffer is None else buffer.map(Gst.MapFlags.READ)
        if buffer is None or info is None or not mapped:
            yield b""
            return
        try:
            if self._layout is None:
                self.orientation = jpeg_orientation(info.data)
                yield info.data
            else:
                yield self._layout.raw_image(buffer, info.data)
        finally:
            buffer.unmap(info)

    def release(self) -> None:
        """Drops its reference to the buffer, so that the next element may write to it in place."""
        self._buffer = None
