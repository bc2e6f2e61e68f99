"""The frames of a video, in their own format where the daemon knows that."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeseg_client.errors import WrongSource
from edgeseg_client.frame import Plane, RawFormat, RawImage
from edgeseg_client.sources.pyav import thread_type
from edgeseg_client.sources.shown_address import shown_address
from edgeseg_client.sources.source import SourceFrame

if TYPE_CHECKING:
    from av.container import InputContainer
    from numpy.typing import NDArray

_FORMATS: Final[dict[str, RawFormat]] = {
    "yuv420p": "i420",
    "yuvj420p": "i420",
    "nv12": "nv12",
    "nv21": "nv21",
    "yuyv422": "yuyv",
    "uyvy422": "uyvy",
    "gray": "gray8",
    "rgb24": "rgb",
    "bgr24": "bgr",
    "rgba": "rgba",
    "bgra": "bgra",
}
"""FFmpeg's formats of pixels that the daemon decodes, and its names for them."""
_EVEN: Final = frozenset({"i420", "nv12", "nv21", "yuyv", "uyvy"})
"""Formats whose width and height are even."""
_FULL_RANGE: Final = 2
"""`AVCOL_RANGE_JPEG` of libavutil's pixfmt.h."""
_UPRIGHT: Final = (1, 0, 0, 1)
_BT709: Final = 1
"""`AVCOL_SPC_BT709` of pixfmt.h. What is not stated is BT.601, as FFmpeg itself converts it."""


def frames_of(container: InputContainer, *, live: bool = False) -> Iterator[SourceFrame]:
    """The frames of the first video in a container; pictures of MJPEG as they are."""
    if not container.streams.video:
        raise WrongSource(f"{shown_address(container.name)} has no video")
    stream = container.streams.video[0]
    stream.thread_type = thread_type(live=live)
    if stream.codec_context.name != "mjpeg":
        yield from map(_raw_frame, container.decode(stream))
        return
    stream.thread_type = "SLICE"  # so that the first packet gives its picture
    turned: bool | None = None
    for packet in container.demux(stream):
        if turned is None:
            decoded = packet.decode()
            turned = any(_display_matrix(one) != _UPRIGHT for one in decoded)
        else:
            decoded = packet.decode() if turned else []
        if turned:
            yield from map(_raw_frame, decoded)
        elif packet.size:
            seconds = None if packet.pts is None else float(packet.pts * packet.time_base)
            yield SourceFrame(bytes(packet), seconds=seconds)


def frame_rate(container: InputContainer) -> float:
    """Frames per second, as the video states it; 0 if it does not."""
    if not container.streams.video:
        return 0.0
    stream = container.streams.video[0]
    return float(stream.average_rate or stream.guessed_rate or 0)


def _raw_frame(frame: Any) -> SourceFrame:  # noqa: ANN401 # PyAV's types differ by version
    """A decoded frame in its own format or, if the daemon does not know that, as RGB."""
    format_ = _FORMATS.get(frame.format.name)
    matrix = _display_matrix(frame)
    odd = frame.width % 2 or frame.height % 2
    if format_ is None or matrix != _UPRIGHT or (odd and format_ in _EVEN):
        pixels = _upright(frame.to_ndarray(format="rgb24"), matrix)
        return SourceFrame(pixels, seconds=frame.time)
    planes, offset = [], 0
    for plane in frame.planes:
        planes.append(Plane(offset, plane.line_size))
        offset += plane.buffer_size
    full = frame.format.name == "yuvj420p" or _number(frame, "color_range") == _FULL_RANGE
    image = RawImage(
        b"".join(bytes(plane) for plane in frame.planes),
        format_,
        frame.width,
        frame.height,
        planes=planes,
        yuv_range="full" if full and format_ in _EVEN else "limited",
        yuv_matrix="bt709" if _number(frame, "colorspace") == _BT709 else "bt601",
    )
    return SourceFrame(image, seconds=frame.time)


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:  # noqa: ANN401 # PyAV's types differ by version
    """How a player shows a frame: (a, b, c, d) with x' = ax + cy and y' = bx + dy, each -1, 0 or 1.

    It is the matrix of libavutil's display.h. Raises `WrongSource` if it is no turn by a multiple
    of 90 degrees, mirrored or not.
    """
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return _UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(found))
    most = max(map(abs, (a, b, c, d))) or 1
    # A player may also stretch it; of that the turn is kept.
    matrix = tuple((one > most / 10) - (one < -most / 10) for one in (a, b, c, d))
    if [bool(one) for one in matrix] not in ([1, 0, 0, 1], [0, 1, 1, 0]):
        raise WrongSource(
            "the video is to be shown turned by no multiple of 90 degrees, or sheared, which is not"
            " done here; turn it upright with `ffmpeg -i VIDEO UPRIGHT.mp4`"
        )
    return matrix[0], matrix[1], matrix[2], matrix[3]


def _upright(pixels: NDArray[np.uint8], matrix: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) as a player shows them, with the `matrix` of `_display_matrix`."""
    a, b, c, d = matrix
    if a == 0:
        pixels = pixels.transpose(1, 0, 2)
    rows, columns = -1 if b + d < 0 else 1, -1 if a + c < 0 else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def _number(frame: object, name: str) -> int:
    return int(getattr(frame, name, 0) or 0)
