"""The Raspberry Pi's camera, through picamera2.

It was not run with a camera: picamera2 and libcamera are only on a Raspberry Pi.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from edgeseg_client.errors import SourceLost, WrongSource
from edgeseg_client.frame import RawImage, YuvMatrix, YuvRange
from edgeseg_client.sources.live import LiveSource
from edgeseg_client.sources.source import SourceFrame

DEFAULT_SIZE: Final = (640, 480)
_MATRICES: Final[dict[str, YuvMatrix]] = {"Rec601": "bt601", "Rec709": "bt709"}
_RANGES: Final[dict[str, YuvRange]] = {"Limited": "limited", "Full": "full"}
"""What libcamera's ColorSpace calls them."""


class PiCamera(LiveSource):
    """Camera `number` of picamera2."""

    def __init__(
        self, name: str, number: int, *, wait: float, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(name, wait=wait)
        self._number = number
        self._size = size or DEFAULT_SIZE
        self._class = _picamera2()

    def open_once(self) -> Iterator[SourceFrame]:
        """As the base says."""
        try:
            camera = self._class(self._number)
        except (RuntimeError, IndexError) as error:
            raise SourceLost(f"picamera2 has no camera {self._number}: {error}") from error
        try:
            main = {"size": self._size, "format": "YUV420"}
            camera.configure(camera.create_video_configuration(main=main))
            camera.start()
            while not self._closed.is_set():
                request = camera.capture_request()
                try:
                    frame = picamera_frame(camera, request, "main")
                finally:
                    request.release()
                yield frame
        finally:
            camera.close()


def picamera_frame(camera: Any, request: Any, stream: str = "lores") -> SourceFrame:  # noqa: ANN401 # picamera2's
    """A frame of picamera2, copied: with its padding, its colours and its time of capture.

    The caller must release the request, and may do so at once. Raises `WrongSource` if the stream
    is not in YUV420, or in colours that the daemon does not know.

    Args:
        camera: A `Picamera2` that was configured and started.
        request: What its `capture_request` returned.
        stream: The stream to take, `main` or `lores`.
    """
    layout = camera.stream_configuration(stream)
    if layout["format"] != "YUV420":
        raise WrongSource(f"picamera2's stream {stream} is in {layout['format']}, not in YUV420")
    colours = camera.camera_configuration()["colour_space"]
    matrix = _MATRICES.get(colours.ycbcrEncoding.name)
    yuv_range = _RANGES.get(colours.range.name)
    if matrix is None or yuv_range is None:
        raise WrongSource(f"picamera2's colours {colours} are not known; give it Smpte170m")
    width, height = layout["size"]
    image = RawImage.padded(
        memoryview(request.make_buffer(stream)),
        "i420",
        width,
        height,
        stride=layout["stride"],
        rows=height,
        yuv_range=yuv_range,
        yuv_matrix=matrix,
    )
    # The sensor's time is by the clock of the boot: when it began with the first row.
    age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - request.get_metadata()["SensorTimestamp"]
    return SourceFrame(image, captured_unix_ns=time.time_ns() - age)


def _picamera2() -> Any:  # noqa: ANN401 # a class
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 # only on a Raspberry Pi
    except ModuleNotFoundError:
        raise WrongSource(
            "picamera2 is missing: on Raspberry Pi OS `apt install python3-picamera2`, and make the"
            " environment with `python3 -m venv --system-site-packages`"
        ) from None
    return Picamera2
