"""Turns the caller's frames into the messages that are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from os import PathLike
from typing import TypeAlias

import numpy as np
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.age import FrameAge
from edgeseg_client.encode import PixelFormat, write_image
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import Frame, ImageLike, RawImage
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.shared_memory import Region, Slot

FrameInput: TypeAlias = Frame | ImageLike | FrameBuffer
"""What a caller may give to a stream."""


def is_one_frame(frames: object) -> bool:
    """Whether somebody gave one frame in place of an iterable; an array would be cut into rows."""
    if isinstance(frames, np.ndarray):
        return frames.ndim < 4
    kinds = (str, bytes, bytearray, memoryview, PathLike, Image.Image, RawImage, Frame, FrameBuffer)
    return isinstance(frames, kinds)


@dataclass(frozen=True, slots=True)
class PendingFrame:
    """A frame that has no answer yet.

    `key` is unique in its stream. It is sent as the frame's id, because the caller's `frame_id` may
    not be unique. `received_at` is when the stream got the frame, by `time.perf_counter`; `age`
    counts from the frame's capture. `error` says why the frame cannot be sent; it is empty if it
    can. `slot` holds the frame's bytes if they are in shared memory.
    """

    key: int
    frame_id: int
    received_at: float
    age: FrameAge
    request: pb.SegmentRequest
    error: str
    slot: Slot | None = None

    @property
    def size(self) -> int:
        """The size of the frame in bytes."""
        frame = self.request.frame
        return len(frame.data) or frame.shared_memory.length

    def copy_unless_in(self, region: Region | None) -> None:
        """Copies the bytes into the message, unless they are in a slot of `region`."""
        if self.slot is not None and self.slot.region is not region:
            copy_into_message(self.request.frame, self.slot)

    def release_slot(self) -> None:
        """Frees the slot for another frame; call it once the frame is answered."""
        if self.slot is not None:
            self.slot.release()


class FrameEncoder:
    """Numbers the frames of one stream and encodes each as a `SegmentRequest`.

    `get_region` returns the region whose slots are used now, or None.
    """

    def __init__(
        self, pixel_format: PixelFormat, get_region: Callable[[], Region | None] = lambda: None
    ) -> None:
        self._pixel_format = pixel_format
        self._get_region = get_region
        self._keys = count()

    def encode(self, image: FrameInput) -> PendingFrame:
        """The next frame of the stream, encoded.

        Reads files and copies pixels, so call it in a thread. If the frame cannot be encoded, this
        does not raise: the returned frame's `error` says why.
        """
        key, now = next(self._keys), time.perf_counter()
        frame = image if isinstance(image, Frame) else Frame(image)
        request, error, slot, age = pb.SegmentRequest(), "", None, FrameAge()
        try:
            age = age_of(frame)
            slot = write_frame(request.frame, frame, age, self._pixel_format, self._get_region())
        except InvalidRequest as invalid:
            error = str(invalid)
        request.frame.id = key
        return PendingFrame(
            key, key if frame.id is None else frame.id, now, age, request, error, slot
        )


def copy_into_message(message: pb.Frame, slot: Slot) -> None:
    """Copies a frame's bytes from its slot into its message.

    Needed when the daemon does not have the slot's region, for example after a restart.
    """
    if message.WhichOneof("source") == "shared_memory":
        message.data = bytes(slot.view[: message.shared_memory.length])


def age_of(frame: Frame) -> FrameAge:
    """The frame's age; raises `InvalidRequest` if the capture time is not a whole number."""
    try:
        return FrameAge(frame.captured_unix_ns)
    except TypeError as error:
        raise InvalidRequest(f"the frame's capture time is not a whole number: {error}") from error


def write_frame(
    message: pb.Frame,
    frame: Frame,
    age: FrameAge,
    pixel_format: PixelFormat,
    region: Region | None = None,
) -> Slot | None:
    """Fills in the message, all but the age.

    Returns the slot of `region` that holds the bytes; None if they are in the message. Raises
    `InvalidRequest` if the image cannot be sent, or if the id or the capture time is out of range.
    """
    try:
        message.id = frame.id or 0
        message.captured_unix_ns = age.captured_unix_ns
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"the frame's id or capture time is out of range or not a whole number: {error}"
        ) from error
    return write_image(message, frame.image, pixel_format, region)
