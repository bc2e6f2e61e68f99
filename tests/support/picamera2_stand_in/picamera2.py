"""Stands in for picamera2, which needs a Raspberry Pi: as much of its API as is called here.

What it returns is as picamera2 0.3 documents it: a stream's configuration with `size`, `stride` and
`format`; requests whose `make_buffer` is a copy of the whole buffer in one dimension; rows padded
to 64 bytes; a SensorTimestamp by the clock of the boot. Every frame is the picture in STAND_IN.
"""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

ALIGNMENT = 64
LUMA = {"Rec601": (0.299, 0.587, 0.114), "Rec709": (0.2126, 0.7152, 0.0722)}
"""Y of red, green and blue, as the ITU's recommendations BT.601 and BT.709 have it."""
AGE_NS = 70_000_000
"""How long ago a frame's first row was exposed when its request is complete."""


class Request:
    """A completed request."""

    def __init__(self, buffers: dict[str, npt.NDArray[np.uint8]]) -> None:
        self._buffers: dict[str, npt.NDArray[np.uint8]] | None = buffers

    def make_buffer(self, name: str) -> npt.NDArray[np.uint8]:
        """A copy of the buffer of a stream."""
        assert self._buffers is not None, "the request was released"
        return self._buffers[name].copy()

    def get_metadata(self) -> dict[str, int]:
        """Facts about the frame."""
        assert self._buffers is not None, "the request was released"
        return {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - AGE_NS}

    def release(self) -> None:
        """Return the buffer to the camera."""
        assert self._buffers is not None, "the request was released twice"
        self._buffers = None


class Picamera2:
    """The camera."""

    def __init__(self, camera_num: int = 0) -> None:
        if camera_num:
            raise IndexError("list index out of range")
        self._configuration: dict[str, Any] = {}
        self._buffers: dict[str, npt.NDArray[np.uint8]] = {}
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_video_configuration(
        self, *, main: dict[str, Any] | None = None, lores: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """A configuration with picamera2's own defaults: its colours depend on the size."""
        main = {"format": "XBGR8888", "size": (1280, 720)} | (main or {})
        large = main["size"][0] >= 1280 and main["size"][1] >= 720
        colours = SimpleNamespace(
            ycbcrEncoding=SimpleNamespace(name="Rec709" if large else "Rec601"),
            range=SimpleNamespace(name="Limited"),
        )
        return {"colour_space": colours, "main": main, "lores": lores}

    def configure(self, configuration: dict[str, Any]) -> None:
        """Fill in what the hardware decides."""
        self._configuration = configuration
        for name in ("main", "lores"):
            if (stream := configuration[name]) and stream["format"] == "YUV420":
                stream["size"] = tuple(side // 2 * 2 for side in stream["size"])
                stream["stride"] = -(-stream["size"][0] // ALIGNMENT) * ALIGNMENT
                with Image.open(os.environ["STAND_IN"]) as picture:
                    pixels = picture.convert("RGB").resize(stream["size"])
                luma = LUMA[configuration["colour_space"].ycbcrEncoding.name]
                self._buffers[name] = i420(np.asarray(pixels, np.float64), luma, stream["stride"])

    def camera_configuration(self) -> dict[str, Any]:
        """The configuration."""
        return self._configuration

    def stream_configuration(self, name: str = "main") -> dict[str, Any]:
        """That of one stream."""
        stream: dict[str, Any] = self._configuration[name]
        return stream

    def start(self) -> None:
        """Begin to capture."""
        self._started = True

    def stop(self) -> None:
        """End it."""
        self._started = False

    def close(self) -> None:
        """Give the camera back."""
        self._started = False

    def capture_request(self) -> Request:
        """Wait for the next frame."""
        assert self._started
        time.sleep(1 / 30)  # the camera's pace
        return Request(self._buffers)


def i420(
    pixels: npt.NDArray[np.float64], luma: tuple[float, float, float], stride: int
) -> npt.NDArray[np.uint8]:
    """RGB as Y, U and V in limited range; what pads the rows is noise."""
    y = pixels @ np.asarray(luma)
    u = (pixels[..., 2] - y) / (2 - 2 * luma[2])
    v = (pixels[..., 0] - y) / (2 - 2 * luma[0])
    noise = np.random.default_rng(0)
    planes = []
    for plane, scale, offset, length in (
        (y, 219, 16, stride),
        (halve(u), 224, 128, stride // 2),
        (halve(v), 224, 128, stride // 2),
    ):
        padded = noise.integers(0, 256, (len(plane), length), np.uint8)
        padded[:, : plane.shape[1]] = np.rint(plane * scale / 255 + offset).astype(np.uint8)
        planes.append(padded.reshape(-1))
    return np.concatenate(planes)


def halve(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of each 2 x 2 pixels."""
    height, width = plane.shape
    means: npt.NDArray[np.float64] = plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    return means
