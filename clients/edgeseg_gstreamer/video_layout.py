"""Where the pixels of a buffer are, as its caps and its GstVideoMeta say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import gi

gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402  # a version has to be required before

if TYPE_CHECKING:
    from edgeseg_client import RawImage
    from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange

CLIENT_FORMATS: Final[dict[str, RawFormat]] = {
    "RGB": "rgb",
    "BGR": "bgr",
    "RGBA": "rgba",
    "RGBx": "rgba",
    "BGRA": "bgra",
    "BGRx": "bgra",
    "GRAY8": "gray8",
    "GRAY16_LE": "gray16",
    "NV12": "nv12",
    "NV21": "nv21",
    "I420": "i420",
    "YV12": "i420",
    "YUY2": "yuyv",
    "UYVY": "uyvy",
}
"""GStreamer's formats, and how the client calls them: YV12 is I420 with its planes exchanged."""

_MATRICES: Final[dict[str, YuvMatrix]] = {"bt601": "bt601", "bt709": "bt709"}
_RANGES: Final[dict[str, YuvRange]] = {"16-235": "limited", "0-255": "full"}
"""By the short names of GStreamer's enumerations, for their own begin with digits."""


class UnsuitableCaps(Exception):
    """The caps say something that the daemon or the overlay cannot handle."""


@dataclass(frozen=True, slots=True)
class Component:
    """One of red, green, blue, Y, U and V: where its samples are.

    `offset` is the first sample, `stride` and `step` are the bytes to the next row and the next
    sample. `across` and `down` are 1 if there is a sample for each two pixels, else 0.
    """

    offset: int
    stride: int
    step: int
    across: int
    down: int


@dataclass(frozen=True, slots=True)
class VideoLayout:
    """Raw video: its size in pixels, its format, its colours.

    `matrix` and `range` are those of Y, U and V, None for other formats.
    """

    info: GstVideo.VideoInfo
    width: int
    height: int
    format: RawFormat
    matrix: YuvMatrix | None
    range: YuvRange | None

    def components(self, buffer: Gst.Buffer) -> list[Component]:
        """The components of a buffer, without alpha."""
        offsets, strides = self._planes(buffer)
        finfo = self.info.finfo
        return [
            Component(
                offsets[finfo.plane[one]] + finfo.poffset[one],
                strides[finfo.plane[one]],
                finfo.pixel_stride[one],
                finfo.w_sub[one],
                finfo.h_sub[one],
            )
            for one in range(min(3, finfo.n_components))
        ]

    def raw_image(self, buffer: Gst.Buffer, data: memoryview) -> RawImage:
        """The client's image of a buffer whose bytes are `data`."""
        from edgeseg_client import Plane, RawImage  # noqa: PLC0415  # GStreamer lists elements without it

        offsets, strides = self._planes(buffer)
        finfo = self.info.finfo
        # In the order of the components, which is that of the client's planes: Y, U, V.
        order = dict.fromkeys(finfo.plane[: min(3, finfo.n_components)])
        return RawImage(
            data,
            self.format,
            self.width,
            self.height,
            planes=[Plane(offsets[plane], strides[plane]) for plane in order],
            yuv_range=self.range or "limited",
            yuv_matrix=self.matrix or "bt601",
        )

    def _planes(self, buffer: Gst.Buffer) -> tuple[Sequence[int], Sequence[int]]:
        meta = GstVideo.buffer_get_video_meta(buffer)
        described = self.info if meta is None else meta
        return described.offset, described.stride


def read_layout(caps: Gst.Caps) -> VideoLayout:
    """The layout that raw video caps describe; raises `UnsuitableCaps` with what to do."""
    info = GstVideo.VideoInfo.new_from_caps(caps)
    name = None if info is None else info.finfo.name
    if info is None or name not in CLIENT_FORMATS:
        raise UnsuitableCaps(f"these caps are not supported: {caps.to_string()}")
    matrix, value_range = None, None
    colors = info.colorimetry
    if info.finfo.flags & GstVideo.VideoFormatFlags.YUV:
        across, down = any(info.finfo.w_sub), any(info.finfo.h_sub)
        if (across and info.width % 2) or (down and info.height % 2):
            raise UnsuitableCaps(
                f"{name} pictures of {info.width}x{info.height} have half a sample of colour at"
                " their edge; put videoconvert ! video/x-raw,format=RGB before this element"
            )
        matrix, value_range = (
            _MATRICES.get(colors.matrix.value_nick),
            _RANGES.get(colors.range.value_nick),
        )
        if matrix is None or value_range is None:
            raise UnsuitableCaps(
                f"{name} with the colorimetry {colors.to_string() or 'unknown'} is not supported,"
                " only BT.601 and BT.709, limited or full range; put videoconvert !"
                " video/x-raw,colorimetry=bt709 before this element, or capssetter if the caps"
                " are wrong"
            )
    elif _RANGES.get(colors.range.value_nick) == "limited":
        raise UnsuitableCaps(
            f"{name} with the values 16 to 235 is not supported; put videoconvert before this"
            " element, and ask it for the colorimetry sRGB (1:1:0:0 for grey)"
        )
    return VideoLayout(info, info.width, info.height, CLIENT_FORMATS[name], matrix, value_range)
