"""The caller's frames, made ready to be sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.age import FrameAge
from edgeseg_client.encode import PixelFormat, write_image
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import Frame, ImageLike
from edgeseg_client.shared_memory import FrameBuffer, Region, Slot

FrameInput: TypeAlias = Frame | ImageLike | FrameBuffer
"""What can be given to a stream."""


@dataclass(frozen=True, slots=True)
class PendingFrame:
    """A frame without an answer yet.

    `key` is unique in its stream and travels as the frame's id, for the caller's `frame_id` may not
    be. `received_at` is when the stream got the frame, by `time.perf_counter`; `age` counts from
    its capture. `error` says why the frame cannot be sent at all; empty otherwise. `slot` is
    where its bytes are, in shared memory.
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
        """Bytes of the frame."""
        frame = self.request.frame
        return len(frame.data) or frame.shared_memory.length

    def copy_unless_in(self, region: Region | None) -> None:
        """Have the bytes in the message, unless they lie in `region`."""
        if self.slot is not None and self.slot.region is not region:
            copy_into_message(self.request.frame, self.slot)

    def release_slot(self) -> None:
        """The frame is answered: nobody reads its bytes any more."""
        if self.slot is not None:
            self.slot.release()


class FrameEncoder:
    """Numbers the frames of one stream and turns each into its message."""

    def __init__(
        self, pixel_format: PixelFormat, get_region: Callable[[], Region | None] = lambda: None
    ) -> None:
        self._pixel_format = pixel_format
        self._get_region = get_region
        self._keys = count()

    def encode(self, image: FrameInput) -> PendingFrame:
        """The next frame; to be called in a thread, for it reads files and copies pixels.

        A frame that cannot be read is no error here, but has an `error`.
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
    """Have a frame's bytes in its message, for the daemon does not know their region."""
    if message.WhichOneof("source") == "shared_memory":
        message.data = bytes(slot.view[: message.shared_memory.length])


def age_of(frame: Frame) -> FrameAge:
    """Counts from the frame's capture; raises `InvalidRequest` where that is no whole number."""
    try:
        return FrameAge(frame.captured_unix_ns)
    except TypeError as error:
        raise InvalidRequest(f"the frame's capture time is no whole number: {error}") from error


def write_frame(
    message: pb.Frame,
    frame: Frame,
    age: FrameAge,
    pixel_format: PixelFormat,
    region: Region | None = None,
) -> Slot | None:
    """Fills in everything but the age; the slot of `region` that the bytes are in, if they are.

    Raises `InvalidRequest` where the image is none, or the id or the time is out of range.
    """
    try:
        message.id = frame.id or 0
        message.captured_unix_ns = age.captured_unix_ns
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"the frame's id or capture time is out of range or no whole number: {error}"
        ) from error
    return write_image(message, frame.image, pixel_format, region)
