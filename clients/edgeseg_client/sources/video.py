"""Video files, RTSP and V4L2 cameras, read with PyAV."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from edgeseg_client.errors import SourceError, SourceLost, WrongSource
from edgeseg_client.sources.decoded_video import frame_rate, frames_of
from edgeseg_client.sources.live import LiveSource
from edgeseg_client.sources.pyav import ffmpeg_error, open_container, require_av
from edgeseg_client.sources.shown_address import shown_address
from edgeseg_client.sources.source import FrameTimer, Source, SourceFrame

if TYPE_CHECKING:
    from av.container import InputContainer


class VideoFile(Source):
    """The frames of a file, or of a finite video at an address, `rounds` times (0: endlessly).

    They come as fast as they are taken, or with `realtime` as they were filmed. With `fps` they are
    spaced by that, and none is left out.
    """

    def __init__(
        self,
        name: str,
        path: str,
        *,
        realtime: bool = False,
        fps: float | None = None,
        rounds: int = 1,
    ) -> None:
        super().__init__(name)
        self.is_live = realtime or fps is not None
        self._path = path
        self._realtime = realtime
        self._fps = fps
        self._rounds = rounds

    def __iter__(self) -> Iterator[SourceFrame]:
        timer, number, before = FrameTimer(self._closed), 0, 0.0
        for _ in itertools.count() if self._rounds == 0 else range(self._rounds):
            seconds, first = 0.0, None
            try:
                with open_container(self._path) as container:
                    rate = frame_rate(container)
                    for position, frame in enumerate(frames_of(container)):
                        if self._fps is not None:
                            timer.wait(number / self._fps)
                        elif self._realtime:
                            filmed = self._filmed(frame, position, rate)
                            first = filmed if first is None else first
                            seconds = filmed - first
                            timer.wait(before + seconds)
                        if self._closed.is_set():
                            return
                        yield replace(frame, id=number, captured_unix_ns=time.time_ns())
                        number += 1
            except ffmpeg_error() as error:
                shown = shown_address(self._path)
                reason = getattr(error, "strerror", "") or type(error).__name__
                raise WrongSource(f"{shown} is no video that can be read: {reason}") from error
            before += seconds + (1 / rate if rate else 0.0)

    def _filmed(self, frame: SourceFrame, position: int, rate: float) -> float:
        """When a frame was filmed, in seconds; by the video's rate if its frames have no times."""
        if frame.seconds is not None:
            return frame.seconds
        if not rate:
            raise WrongSource(f"{self.name} has no times and no frame rate; give --fps (fps=)")
        return position / rate


def is_finite_video(address: str) -> bool:
    """Whether an address is a video with an end; False if it cannot be read now."""
    try:
        with open_container(address) as container:
            return container.duration is not None
    except ffmpeg_error():
        return False


class StreamAddress(LiveSource):
    """RTSP, or another address that FFmpeg reads.

    If it could not be read at first, and is a video with an end, it is read once.
    """

    def __init__(self, name: str, address: str, *, wait: float) -> None:
        super().__init__(name, wait=wait)
        self._address = address
        require_av()

    def open_once(self) -> Iterator[SourceFrame]:
        """As the base says."""
        options = {}
        is_rtsp = self._address.startswith("rtsp")
        if is_rtsp:
            # Of what has an end, nobuffer would drop the first frames.
            options = {"fflags": "nobuffer", "flags": "low_delay", "rtsp_transport": "tcp"}
        finite = False

        def open_() -> InputContainer:
            nonlocal finite
            container = open_container(self._address, options=options)
            finite = container.duration is not None and not is_rtsp
            return container

        yield from _live_frames(shown_address(self._address), open_)
        if finite:
            self.close()


class V4l2Camera(LiveSource):
    """A camera of this board; `size` is (width, height), None for the camera's own choice.

    Of cameras that give MJPEG, that is taken, and each picture goes on as it came.
    """

    def __init__(
        self,
        name: str,
        device: str,
        *,
        wait: float,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
    ) -> None:
        super().__init__(name, wait=wait)
        self._device = device
        self._options = {} if size is None else {"video_size": f"{size[0]}x{size[1]}"}
        if fps is not None:
            self._options["framerate"] = f"{fps:g}"
        require_av()

    def open_once(self) -> Iterator[SourceFrame]:
        """As the base says."""
        yield from _live_frames(self._device, self._open)

    def _open(self) -> InputContainer:
        try:
            mjpeg = {**self._options, "input_format": "mjpeg"}
            return open_container(self._device, kind="v4l2", options=mjpeg)
        except (FileNotFoundError, PermissionError):
            raise
        except ffmpeg_error():  # the camera has no MJPEG
            return open_container(self._device, kind="v4l2", options=self._options)


def _live_frames(what: str, open_: Callable[[], InputContainer]) -> Iterator[SourceFrame]:
    try:
        with open_() as container:
            for frame in frames_of(container, live=True):
                yield replace(frame, captured_unix_ns=time.time_ns())
    except ffmpeg_error() as error:
        raise _lost(what, error) from error


def _lost(what: str, error: Exception) -> SourceError:
    """Why a live source cannot be read, in words that say what to do."""
    av_error = require_av().error
    if isinstance(error, PermissionError) and what.startswith("/dev/"):
        return WrongSource(
            f"{what} may not be opened; add the user to the group `video`, and log in again"
        )
    if isinstance(error, av_error.HTTPUnauthorizedError):
        return WrongSource(f"{what} wants a name and a password: rtsp://NAME:PASSWORD@HOST/…")
    if isinstance(error, av_error.ExitError):  # the time for opening or reading is over
        return SourceLost(f"{what}: it does not answer")
    # Not the whole error, which has the address with its password.
    return SourceLost(f"{what}: {getattr(error, 'strerror', '') or type(error).__name__}")
