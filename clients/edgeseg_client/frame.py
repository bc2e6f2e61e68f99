"""The kinds of images that can be segmented, and a frame with an id and a capture time."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from edgeseg_client.shared_memory import FrameBuffer

PixelArray: TypeAlias = npt.NDArray[np.uint8]
"""uint8 of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), with any strides."""

RawFormat: TypeAlias = Literal["rgb", "bgr", "rgba", "gray8", "nv12", "i420", "yuyv"]


@dataclass(frozen=True, slots=True)
class RawImage:
    """Pixels in a camera's format, sent as they are.

    `width` and `height` are in pixels. `stride` is the number of bytes from one row of the first
    plane to the next; 0 means that rows are packed.
    """

    data: bytes | bytearray | memoryview
    format: RawFormat
    width: int
    height: int
    stride: int = 0


ImageLike: TypeAlias = (
    str | PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[Any] | RawImage
)
"""A path, an encoded picture (JPEG, PNG, WebP, BMP), a Pillow image, pixels, or a raw frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with an id and a capture time.

    `id` is returned with the answer; None means the frame's position in the stream, from 0.
    `captured_unix_ns` is the capture time by this machine's clock, in nanoseconds since the Unix
    epoch; None means the moment at which the client gets the frame. The option `max_age` counts
    from it. If the clock is set after the client got the frame, that has no effect.
    """

    image: ImageLike | FrameBuffer
    id: int | None = None
    captured_unix_ns: int | None = None
