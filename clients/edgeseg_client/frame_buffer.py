"""Raw frames that the caller fills in place, in memory that the daemon shares if it can."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import RawFormat, RawImage, YuvMatrix, YuvRange, planes_in
from edgeseg_client.shared_memory import Region, Slot

_LAYOUTS: Final[dict[RawFormat, tuple[int, int, int]]] = {
    # Bytes per pixel of the first plane, then the rows of all planes as a fraction of the height:
    # numerator and denominator.
    "rgb": (3, 1, 1),
    "bgr": (3, 1, 1),
    "rgba": (4, 1, 1),
    "gray8": (1, 1, 1),
    "nv12": (1, 3, 2),
    "i420": (1, 3, 2),
    "yuyv": (2, 1, 1),
    "nv21": (1, 3, 2),
    "uyvy": (2, 1, 1),
    "bgra": (4, 1, 1),
    "gray16": (2, 1, 1),
}
_HALF_WIDTH: Final = ("nv12", "nv21", "i420", "yuyv", "uyvy")
_HALF_HEIGHT: Final = ("nv12", "nv21", "i420")


class FrameBuffer:
    """A raw frame to fill in place and to send once, best as soon as it is filled.

    `Client.frame_buffer` makes it. Its memory is shared with the daemon if a slot was free.
    Otherwise it is ordinary memory and sent in a message.
    """

    def __init__(
        self,
        width: int,
        height: int,
        pixel_format: RawFormat,
        region: Region | None,
        *,
        padded_to: tuple[int, int] | None = None,
        yuv_range: YuvRange = "limited",
        yuv_matrix: YuvMatrix = "bt601",
    ) -> None:
        if pixel_format not in _LAYOUTS:
            raise InvalidRequest(
                f"there is no format {pixel_format!r}; there are: {', '.join(_LAYOUTS)}"
            )
        if width < 1 or height < 1:
            raise InvalidRequest(f"a picture of {width}x{height} pixels is empty")
        if pixel_format in _HALF_WIDTH and width % 2:
            raise InvalidRequest(f"{pixel_format} frames have an even width, not {width}")
        if pixel_format in _HALF_HEIGHT and height % 2:
            raise InvalidRequest(f"{pixel_format} frames have an even height, not {height}")
        channels, rows, per = _LAYOUTS[pixel_format]
        if padded_to is not None:
            _check_padding(width, height, pixel_format, *padded_to)
        shape: tuple[int, ...] = (height * rows // per, width)
        if padded_to is not None:
            shape = (padded_to[1] * rows // per, padded_to[0])
        elif rows == per:
            shape = (height, width, channels)
        size = math.prod(shape)
        self._used = False
        self.slot: Slot | None = region.allocate(size) if region is not None else None
        """The shared memory that it is in; None if it is in ordinary memory."""
        whole = memoryview(bytearray(size)) if self.slot is None else self.slot.view
        self.data: memoryview = whole[:size]
        """Its memory, row by row; without padding, unless `padded_to` asked for it."""
        frame = (self.data, pixel_format, width, height)
        self.image: RawImage = RawImage(*frame, yuv_range=yuv_range, yuv_matrix=yuv_matrix)
        """The frame as it is sent, in the same memory."""
        if padded_to is not None:
            stride, luma_rows = padded_to
            self.image = RawImage.padded(
                *frame,
                stride=stride,
                rows=luma_rows,
                yuv_range=yuv_range,
                yuv_matrix=yuv_matrix,
            )
        self.array: npt.NDArray[np.uint8] = np.frombuffer(self.data, np.uint8).reshape(shape)
        """A view of `data` to write pixels to: (height, width, channels), or (rows of all planes,
        width) for formats of several planes. With `padded_to`: (rows of all planes, stride)."""

    def send(self) -> Slot | None:
        """Marks the buffer as sent and returns its slot, if it has one; the client calls this.

        Raises `InvalidRequest` if the buffer was sent or discarded before: another frame may use
        the slot by then.
        """
        if self._used:
            raise InvalidRequest(
                "a frame buffer can be sent once, and not after it was discarded; get another one"
                " with frame_buffer()"
            )
        self._used = True
        slot, self.slot = self.slot, None
        return slot

    def discard(self) -> None:
        """Frees the slot of a buffer that will not be sent."""
        self._used = True
        if self.slot is not None:
            self.slot.release()
            self.slot = None


def _check_padding(
    width: int, height: int, pixel_format: RawFormat, stride: int, luma_rows: int
) -> None:
    """Raises `InvalidRequest` if a picture is not in such a buffer, or it is not known where."""
    channels, _, per = _LAYOUTS[pixel_format]
    if stride < width * channels or luma_rows < height:
        raise InvalidRequest(
            f"{width}x{height} pixels of {pixel_format} do not fit into a buffer of {stride} bytes"
            f" by {luma_rows} rows"
        )
    planes_in(pixel_format, stride, luma_rows)
    if luma_rows % per:
        raise InvalidRequest(
            f"a buffer of {pixel_format} has an even number of rows of luma, not {luma_rows}; for"
            " another one give a RawImage with `planes`"
        )
