"""The caller's frames, made ready to be sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.encode import PixelFormat, write_image
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import Frame, ImageLike


@dataclass(frozen=True, slots=True)
class Pending:
    """A frame without an answer yet.

    `key` is unique in its stream and travels as the frame's id, for the caller's `frame_id` may not
    be. `given` is when the stream got the frame, by `time.perf_counter`. `fault` says why the frame
    cannot be sent at all; empty otherwise.
    """

    key: int
    frame_id: int
    given: float
    request: pb.SegmentRequest
    fault: str


class Intake:
    """Numbers the frames of one stream and turns each into its message."""

    def __init__(self, pixel_format: PixelFormat) -> None:
        self._pixel_format = pixel_format
        self._keys = count()

    def take(self, given: Frame | ImageLike) -> Pending:
        """The next frame; to be called in a thread, for it reads files and copies pixels.

        A frame that cannot be read is no error here, but has a `fault`.
        """
        key, now = next(self._keys), time.perf_counter()
        frame = given if isinstance(given, Frame) else Frame(given)
        request, fault = pb.SegmentRequest(), ""
        try:
            write_frame(request.frame, frame, self._pixel_format)
        except InvalidRequest as error:
            fault = str(error)
        request.frame.id = key
        return Pending(key, key if frame.id is None else frame.id, now, request, fault)


def write_frame(message: pb.Frame, frame: Frame, pixel_format: PixelFormat) -> None:
    """Fills in everything but the age.

    Raises `InvalidRequest` where the image is none, or the id or the time is out of range.
    """
    captured = time.time_ns() if frame.captured_unix_ns is None else frame.captured_unix_ns
    try:
        message.id = frame.id or 0
        message.captured_unix_ns = captured
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"the frame's id or capture time is out of range or no whole number: {error}"
        ) from error
    write_image(message, frame.image, pixel_format)
