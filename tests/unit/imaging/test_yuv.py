"""Frames of luma and chroma become the RGB that they stand for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec, check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import Picture, decode_frame
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.preprocess import resize_picture
from support.pictures import Pixels, gradient

WIDTH, HEIGHT = 64, 48
FORMATS = (FrameFormat.NV12, FrameFormat.I420, FrameFormat.YUYV)

COLOURS = {
    (235, 128, 128): (255, 255, 255),
    (16, 128, 128): (0, 0, 0),
    (81, 90, 240): (255, 0, 0),
    (145, 54, 34): (0, 255, 0),
    (41, 240, 110): (0, 0, 255),
    (126, 128, 128): (128, 128, 128),
}
"""Y, U, V of BT.601's colour bars, and what they are in RGB."""


def to_yuv(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """By the matrix of BT.601, limited range, in double precision."""
    red, green, blue = np.moveaxis(pixels.astype(float) / 255, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = 16 + 219 * luma, 128 + 112 * (blue - luma) / 0.886, 128 + 112 * (red - luma) / 0.701
    rounded: npt.NDArray[np.uint8] = np.rint(np.stack(planes, -1)).astype(np.uint8)
    return rounded


def pack(yuv: npt.NDArray[np.uint8], frame_format: FrameFormat, padding: int) -> bytes:
    """Bytes of a frame, rows padded with 0xAA; the chroma is that of the left and upper pixel."""

    def rows(plane: npt.NDArray[np.uint8], pad: int) -> bytes:
        return b"".join(row.tobytes() + b"\xaa" * pad for row in plane)

    y, u, v = np.moveaxis(yuv, -1, 0)
    if frame_format is FrameFormat.YUYV:
        packed = np.stack([y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]], -1)
        return rows(packed.reshape(len(y), -1), padding)
    small_u, small_v = u[::2, ::2], v[::2, ::2]
    if frame_format is FrameFormat.NV12:
        chroma = rows(np.stack([small_u, small_v], -1).reshape(len(small_u), -1), padding)
    else:
        chroma = rows(small_u, padding // 2) + rows(small_v, padding // 2)
    return rows(y, padding) + chroma


def decode(
    yuv: npt.NDArray[np.uint8], frame_format: FrameFormat, padding: int, model_input: Size
) -> Picture:
    height, width, _ = yuv.shape
    packed = width * (2 if frame_format is FrameFormat.YUYV else 1)
    data = pack(yuv, frame_format, padding)
    spec = FrameSpec(frame_format, width, height, packed + padding)
    checked = check_frame(spec, data, FrameLimits(1 << 24, 1 << 20))
    return decode_frame(
        checked,
        memoryview(data),
        model_input=model_input,
        resize=ResizePolicy.STRETCH,
        max_pixels=1 << 20,
        max_seconds=60,
    )


@pytest.mark.parametrize("frame_format", FORMATS)
@pytest.mark.parametrize("yuv", COLOURS)
def test_the_colour_bars_of_bt601_are_decoded(
    frame_format: FrameFormat, yuv: tuple[int, int, int]
) -> None:
    frame = np.broadcast_to(np.array(yuv, np.uint8), (8, 12, 3))
    picture = decode(frame, frame_format, 4, (12, 8))
    shown = resize_picture(picture, fit((12, 8), (12, 8), ResizePolicy.STRETCH))
    assert np.abs(shown.astype(int) - COLOURS[yuv]).max() <= 3


@pytest.mark.parametrize("frame_format", FORMATS)
@pytest.mark.parametrize("padding", [0, 16])
@pytest.mark.parametrize("policy", ResizePolicy)
@pytest.mark.parametrize("size", [(20, 16), (33, 33), (64, 48), (100, 90)])
def test_a_yuv_frame_is_resized_like_the_same_picture_in_rgb(
    frame_format: FrameFormat, padding: int, policy: ResizePolicy, size: Size
) -> None:
    image = gradient(WIDTH, HEIGHT)
    placed = fit((WIDTH, HEIGHT), size, policy)
    picture = decode(to_yuv(np.asarray(image)), frame_format, padding, size)
    assert picture.size == (WIDTH, HEIGHT)
    shown = resize_picture(picture, placed).astype(int)
    wanted = resize_picture(Picture(image, image.size), placed)
    assert shown.shape == wanted.shape
    # The chroma is taken from one pixel in two, half a pixel off.
    assert np.abs(shown - wanted).mean() <= 4


def test_the_luma_of_nv12_and_i420_is_used_in_place() -> None:
    """It is most of the frame."""
    image = Image.new("L", (WIDTH, HEIGHT))
    yuv = np.repeat(np.asarray(image)[..., None], 3, -1)
    for frame_format in (FrameFormat.NV12, FrameFormat.I420):
        assert decode(yuv, frame_format, 0, (8, 8)).pixels.readonly
