"""Draws attached masks on buffers of one layout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gi.repository import Gst

from edgeseg_gstreamer.blend import Tint, scale_labels
from edgeseg_gstreamer.colors import to_yuv
from edgeseg_gstreamer.mask_meta import AttachedMask
from edgeseg_gstreamer.video_layout import VideoLayout


class Painter:
    """Remembers the colours of the last mask in the components of its layout."""

    def __init__(self, layout: VideoLayout) -> None:
        self._layout = layout
        self._key: tuple[bytes, tuple[str, ...], float] | None = None
        self._tint: Tint | None = None

    def paint(
        self, data: memoryview, buffer: Gst.Buffer, mask: AttachedMask, opacity: float
    ) -> None:
        """Tints the classes of a mask that have a name and are not black."""
        colors, names = mask.colors, tuple(mask.names)
        key = colors.tobytes(), names, opacity
        if self._tint is None or key != self._key:
            shown = colors.any(axis=1) & np.array([bool(name) for name in names])
            self._tint, self._key = Tint(self._components(colors), shown, opacity), key
        labels = mask.labels()
        if self._tint.shows(labels):
            labels = scale_labels(labels, self._layout.width, self._layout.height)
            self._tint.draw(data, self._layout.components(buffer), labels)

    def _components(self, colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The colours in the components of the layout: red, green, blue; Y, U, V; or grey."""
        if self._layout.matrix is not None and self._layout.range is not None:
            return to_yuv(colors, self._layout.matrix, self._layout.range)
        if self._layout.format == "gray8":
            return to_yuv(colors, "bt601", "full")[:, :1]
        return colors
