"""A video of the overlays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.cli.outputs.new_files import naming
from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.cli.outputs.video_clock import VideoClock
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.pyav import require_av

if TYPE_CHECKING:
    from av.container import OutputContainer

_MILLISECOND: Final = Fraction(1, 1000)
_CODECS: Final = ("libx264", "libopenh264", "mpeg4")
"""What plays in most players, the best first; FFmpeg is built with some of them."""
_MIN_SIDE: Final = 16
"""Pixels a side; OpenH264 encodes no smaller picture, so that these are scaled up."""
_SUFFIXES: Final = (".mp4", ".mkv", ".mov")


class OverlayVideo(ResultWriter):
    """Encodes the overlay of each result, as long after the one before as it was captured.

    The first result decides the size; later ones of another size are scaled to it.
    """

    needs = ("labels",)

    def __init__(self, path: Path) -> None:
        self._av = require_av()
        self._path = path
        self._container: OutputContainer | None = None
        self._stream: Any = None
        self._size = (0, 0)
        self._clock = VideoClock()
        self._begun, self._last = 0, -1

    def add(self, answered: AnsweredFrame) -> None:
        """As the base says."""
        moment = self._clock.milliseconds(answered.frame, answered.answer.frame_id)
        result = answered.answer.segmented
        if result is None:
            return
        picture = result.overlay(answered.frame.picture(), legend=False)
        with self._errors_name_the_file():
            if self._container is None:
                self._open(picture)
                self._begun = moment
            frame = self._av.VideoFrame.from_image(picture.resize(self._size))
            self._last = frame.pts = max(self._last + 1, moment - self._begun)
            frame.time_base = _MILLISECOND
            self._encode(frame)

    def close(self) -> None:
        """As the base says."""
        if self._container is None:
            return
        with self._errors_name_the_file():
            try:
                self._encode(None)
            finally:
                self._container.close()

    def _open(self, picture: Image.Image) -> None:
        container = self._container = self._av.open(str(self._path), "w")
        codec = next(name for name in _CODECS if name in self._av.codecs_available)
        width, height = (max(_MIN_SIDE, side // 2 * 2) for side in picture.size)
        self._size = (width, height)  # YUV 4:2:0 is even
        stream = self._stream = container.add_stream(codec, rate=30)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _MILLISECOND

    def _encode(self, frame: Any) -> None:  # noqa: ANN401 # PyAV's
        if self._container is not None:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)

    @contextmanager
    def _errors_name_the_file(self) -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError as error:
            reason = error.strerror or str(error)
            raise OSError(error.errno, reason, str(self._path)) from error
        except OSError as error:
            raise naming(self._path, error) from error


def require_video_name(path: Path) -> None:
    """Raises `UsageError` if the name does not end as that of a video does."""
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{path} is no name for a video; it ends in {', '.join(_SUFFIXES)}")
