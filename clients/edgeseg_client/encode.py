"""Images of every accepted kind, written into the contract's frame message."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import ImageLike, RawFormat, RawImage
from edgeseg_client.names import FORMATS

PixelFormat: TypeAlias = Literal["rgb", "bgr"]
"""The order of an array's channels; OpenCV's is `bgr`."""


def write_image(message: pb.Frame, image: ImageLike, pixel_format: PixelFormat = "rgb") -> None:
    """Fills in format, size, stride and bytes.

    Encoded pictures are sent as they are. The EXIF orientation of a Pillow image is applied, so
    that it looks to the daemon like the file that it came from.

    Raises `InvalidRequest` where the file cannot be read, or the array is not a picture.
    """
    try:
        _write(message, image, pixel_format)
    except (ValueError, TypeError, OSError) as error:  # of Pillow, numpy or protobuf
        raise InvalidRequest(f"the {type(image).__name__} cannot be sent: {error}") from error
    if not message.data:
        raise InvalidRequest("the picture is empty")


def _write(message: pb.Frame, image: ImageLike, pixel_format: PixelFormat) -> None:
    match image:
        case RawImage():
            _write_raw(message, image)
        case Image.Image():
            _write_raw(message, _from_pillow(image))
        case np.ndarray():
            _write_raw(message, _from_array(image, pixel_format))
        case bytes() | bytearray() | memoryview():
            message.data = bytes(image)
        case str() | os.PathLike():
            message.data = read_picture(image)
        case _:
            raise InvalidRequest(
                f"a {type(image).__name__} is no image; give a path, encoded bytes, a Pillow image,"
                " a numpy array or a Frame"
            )


def read_picture(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; raises `InvalidRequest` where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read {os.fspath(path)}: {error.strerror}") from error


def age_us(captured_unix_ns: int) -> int:
    """Microseconds since the capture; 0 where the clock was set back meanwhile."""
    return max(0, time.time_ns() - captured_unix_ns) // 1000


def _write_raw(message: pb.Frame, image: RawImage) -> None:
    if image.format not in FORMATS:
        raise InvalidRequest(
            f"there is no format {image.format!r}; there are: {', '.join(FORMATS)}"
        )
    if not isinstance(image.data, bytes | bytearray | memoryview):
        raise InvalidRequest(f"the data of a raw image are bytes, not {type(image.data).__name__}")
    for name, value in (("width", image.width), ("height", image.height)):
        if value < 1:
            raise InvalidRequest(f"a picture with a {name} of {value} is empty")
    message.format = FORMATS[image.format]
    message.width = image.width
    message.height = image.height
    message.stride = image.stride
    message.data = bytes(image.data)


def _from_pillow(image: Image.Image) -> RawImage:
    upright = ImageOps.exif_transpose(image) or image
    formats: dict[str, RawFormat] = {"L": "gray8", "RGB": "rgb", "RGBA": "rgba"}
    if upright.mode not in formats:
        upright = upright.convert("RGB")
    return RawImage(upright.tobytes(), formats[upright.mode], upright.width, upright.height)


def _from_array(array: npt.NDArray[np.generic], pixel_format: PixelFormat) -> RawImage:
    if array.dtype != np.uint8:
        raise InvalidRequest(
            f"the array holds {array.dtype}, not uint8; scale it to 0 … 255 and .astype('uint8')"
        )
    formats: dict[int, RawFormat] = {1: "gray8", 3: pixel_format, 4: "rgba"}
    channels = 1 if array.ndim == 2 else array.shape[-1]
    if array.ndim not in {2, 3} or channels not in formats:
        raise InvalidRequest(
            f"an array of shape {array.shape} is no picture; give (height, width)"
            " or (height, width, 1, 3 or 4)"
        )
    if channels == 4 and pixel_format == "bgr":
        array, channels = array[..., :3], 3  # there is no BGRA in the contract, and alpha is unused
    return RawImage(array.tobytes(), formats[channels], array.shape[1], array.shape[0])
