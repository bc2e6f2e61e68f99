"""Writes images of every accepted kind into `Frame` messages."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import ImageLike, RawFormat, RawImage
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.names import FORMATS, YUV_MATRICES, YUV_RANGES
from edgeseg_client.picture_file import file_behind, is_heif, read_file, to_jpeg
from edgeseg_client.pixels import pixels_of_array, pixels_of_image
from edgeseg_client.shared_memory import Region, Slot

PixelFormat: TypeAlias = Literal["rgb", "bgr"]
"""The order of an array's channels.

`rgb`: red first, as in Pillow.
`bgr`: blue first, as in OpenCV.
"""
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

    Encoded pictures are sent as they are; HEIC and AVIF, which the daemon does not decode, as JPEG.
    A Pillow image that was opened from a file and not loaded is sent as that file; of others the
    EXIF orientation is applied, and the upper 8 of 16 bits are sent. Raises `InvalidRequest` if a
    file cannot be read or an array is not a picture.
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
            return file_behind(image) or _describe_raw(message, _from_pillow(image))
        case np.ndarray():
            return _describe_raw(message, _from_array(image, pixel_format))
        case bytes() | bytearray() | memoryview():
            return _from_file(image)
        case str() | os.PathLike():
            return _from_file(read_file(image))
        case _:
            raise InvalidRequest(
                f"an image cannot be of type {type(image).__name__}; give a path, encoded bytes, a"
                " Pillow image, a numpy array or a Frame"
            )


def _describe_raw(message: pb.Frame, image: RawImage) -> Payload:
    _check_name("format", image.format, FORMATS)
    _check_name("yuv_range", image.yuv_range, YUV_RANGES)
    _check_name("yuv_matrix", image.yuv_matrix, YUV_MATRICES)
    if not isinstance(image.data, bytes | bytearray | memoryview):
        raise InvalidRequest(f"the data of a raw image are bytes, not {type(image.data).__name__}")
    for name, value in (("width", image.width), ("height", image.height)):
        if value < 1:
            raise InvalidRequest(f"a picture with a {name} of {value} is empty")
    message.format = FORMATS[image.format]
    message.width = image.width
    message.height = image.height
    message.stride = image.stride
    for offset, stride in image.planes:
        message.planes.add(offset=offset, stride=stride)
    # The defaults are left out: older daemons do not know them.
    if image.yuv_range != "limited":
        message.yuv_range = YUV_RANGES[image.yuv_range]
    if image.yuv_matrix != "bt601":
        message.yuv_matrix = YUV_MATRICES[image.yuv_matrix]
    return image.data.cast("B") if isinstance(image.data, memoryview) else image.data


def _check_name(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise InvalidRequest(f"there is no {name} {value!r}; there are: {', '.join(known)}")


def _from_pillow(image: Image.Image) -> RawImage:
    pixels = pixels_of_image(image)
    formats: dict[str, RawFormat] = {"L": "gray8", "RGB": "rgb", "RGBA": "rgba"}
    return RawImage(pixels.tobytes(), formats[pixels.mode], pixels.width, pixels.height)


def _from_array(array: npt.NDArray[np.generic], pixel_format: PixelFormat) -> RawImage:
    pixels = pixels_of_array(array)
    formats: dict[int, RawFormat] = {1: "gray8", 3: pixel_format, 4: "rgba"}
    channels = pixels.shape[-1]
    if channels == 4 and pixel_format == "bgr":
        pixels, channels = pixels[..., :3], 3  # older daemons have no BGRA, and ignore alpha anyway
    flat = np.ascontiguousarray(pixels).reshape(-1)
    return RawImage(flat.data, formats[channels], array.shape[1], array.shape[0])


def _from_file(data: bytes | bytearray | memoryview) -> Payload:
    """The bytes of a file as they are sent: HEIC and AVIF as JPEG."""
    if is_heif(data):
        return to_jpeg(bytes(data))
    if isinstance(data, memoryview):
        return data.cast("B") if data.c_contiguous else bytes(data)
    return data
