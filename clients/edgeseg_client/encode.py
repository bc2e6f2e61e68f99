"""Writes images of every accepted kind into `Frame` messages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import ImageLike, RawFormat, RawImage
from edgeseg_client.names import FORMATS
from edgeseg_client.shared_memory import FrameBuffer, Region, Slot

PixelFormat: TypeAlias = Literal["rgb", "bgr"]
"""The order of an array's channels; OpenCV uses `bgr`."""
Payload: TypeAlias = bytes | bytearray | memoryview
"""The bytes of a frame."""


def write_image(
    message: pb.Frame,
    image: ImageLike | FrameBuffer,
    pixel_format: PixelFormat = "rgb",
    region: Region | None = None,
) -> Slot | None:
    """Fills in format, size, stride and bytes.

    The bytes are written into a slot of `region` if one is free and large enough, else into the
    message. Returns the slot that was used, or None.

    Encoded pictures are sent as they are. The EXIF orientation of a Pillow image is applied, so the
    daemon gets the same picture as from its file. Raises `InvalidRequest` if a file cannot be read
    or an array is not a picture.
    """
    try:
        if isinstance(image, FrameBuffer):
            return _write_buffer(message, image)
        payload = _describe(message, image, pixel_format)
        if not len(payload):
            raise InvalidRequest("the picture is empty")
        slot = region.allocate(len(payload)) if region is not None else None
        if slot is None:
            message.data = bytes(payload)
        else:
            slot.view[: len(payload)] = payload
            message.shared_memory.CopyFrom(slot.handle(len(payload)))
    except (ValueError, TypeError, OSError) as error:  # of Pillow, numpy or protobuf
        raise InvalidRequest(f"the {type(image).__name__} cannot be sent: {error}") from error
    return slot


def _write_buffer(message: pb.Frame, buffer: FrameBuffer) -> Slot | None:
    """Refers to the bytes in their slot; copies them only if the buffer has no slot."""
    slot = buffer.send()
    payload = _describe_raw(message, buffer.image)
    if slot is None:
        message.data = bytes(payload)
    else:
        message.shared_memory.CopyFrom(slot.handle(len(payload)))
    return slot


def _describe(message: pb.Frame, image: ImageLike, pixel_format: PixelFormat) -> Payload:
    """Fills in format, size and stride, where they are known; returns the bytes."""
    match image:
        case RawImage():
            return _describe_raw(message, image)
        case Image.Image():
            return _describe_raw(message, _from_pillow(image))
        case np.ndarray():
            return _describe_raw(message, _from_array(image, pixel_format))
        case bytes() | bytearray():
            return image
        case memoryview():
            return image.cast("B") if image.c_contiguous else bytes(image)
        case str() | os.PathLike():
            return read_picture(image)
        case _:
            raise InvalidRequest(
                f"an image cannot be of type {type(image).__name__}; give a path, encoded bytes, a"
                " Pillow image, a numpy array or a Frame"
            )


def read_picture(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; raises `InvalidRequest` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read {os.fspath(path)}: {error.strerror}") from error


def _describe_raw(message: pb.Frame, image: RawImage) -> Payload:
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
    return image.data.cast("B") if isinstance(image.data, memoryview) else image.data


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
            f"an array of shape {array.shape} is not a picture; give (height, width)"
            " or (height, width, 1, 3 or 4)"
        )
    if channels == 4 and pixel_format == "bgr":
        array, channels = array[..., :3], 3  # FrameFormat has no BGRA, and the daemon ignores alpha
    pixels = np.ascontiguousarray(array).reshape(-1)
    return RawImage(pixels.data, formats[channels], array.shape[1], array.shape[0])
