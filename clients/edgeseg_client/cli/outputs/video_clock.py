"""When the frames of a video are shown."""

from __future__ import annotations

from edgeseg_client.sources.source import SourceFrame


class VideoClock:
    """Times that go on from one round of a video to the next.

    A frame without a time in a video has the time at which it was captured. Whether a source's
    frames have one is taken from the first.
    """

    def __init__(self) -> None:
        self._of_a_video: bool | None = None
        self._position = -1
        self._seconds = self._gap = 0.0
        self._before = 0.0

    def milliseconds(self, frame: SourceFrame, position: int) -> int:
        """When a frame was filmed, from any moment on; all frames are given, also failed ones.

        `position` is that in the source, which says whether a frame is answered late.
        """
        if self._of_a_video is None:
            self._of_a_video = frame.seconds is not None
            self._seconds = frame.seconds or 0.0
        if not self._of_a_video:
            return (frame.captured_unix_ns or 0) // 1_000_000
        seconds = self._seconds if frame.seconds is None else frame.seconds
        if position > self._position:  # one answered late begins no round
            if seconds < self._seconds:  # the last frame was shown as long as the one before
                self._before += self._seconds + self._gap - seconds
            elif seconds > self._seconds:
                self._gap = seconds - self._seconds
            self._position, self._seconds = position, seconds
        return round((self._before + seconds) * 1000)
