"""Frames of luma and chroma become the RGB that they stand for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgesegd.core.frame import (
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import Picture, decode_frame
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.preprocess import resize_picture
from edgesegd.imaging.yuv import to_rgb
from support.pictures import Pixels, gradient

WIDTH, HEIGHT = 64, 48
FORMATS = (
    FrameFormat.NV12,
    FrameFormat.NV21,
    FrameFormat.I420,
    FrameFormat.YUYV,
    FrameFormat.UYVY,
)
PACKED = (FrameFormat.YUYV, FrameFormat.UYVY)

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
    if frame_format in PACKED:
        four = [y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]]
        if frame_format is FrameFormat.UYVY:
            four = [four[1], four[0], four[3], four[2]]
        return rows(np.stack(four, -1).reshape(len(y), -1), padding)
    small_u, small_v = u[::2, ::2], v[::2, ::2]
    if frame_format in (FrameFormat.NV12, FrameFormat.NV21):
        two = [small_u, small_v] if frame_format is FrameFormat.NV12 else [small_v, small_u]
        chroma = rows(np.stack(two, -1).reshape(len(small_u), -1), padding)
    else:
        chroma = rows(small_u, padding // 2) + rows(small_v, padding // 2)
    return rows(y, padding) + chroma


def decode(
    yuv: npt.NDArray[np.uint8], frame_format: FrameFormat, padding: int, model_input: Size
) -> Picture:
    height, width, _ = yuv.shape
    packed = width * (2 if frame_format in PACKED else 1)
    data = pack(yuv, frame_format, padding)
    return decode_spec(FrameSpec(frame_format, width, height, packed + padding), data, model_input)


def decode_spec(spec: FrameSpec, data: bytes, model_input: Size) -> Picture:
    checked = check_frame(spec, data, FrameLimits(1 << 24, 1 << 22))
    return decode_frame(
        checked,
        memoryview(data),
        model_input=model_input,
        resize=ResizePolicy.STRETCH,
        max_pixels=1 << 22,
        max_seconds=60,
    )


def shown_at_its_size(spec: FrameSpec, data: bytes) -> Pixels:
    size = (spec.width, spec.height)
    return resize_picture(decode_spec(spec, data, size), fit(size, size, ResizePolicy.STRETCH))


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
    for frame_format in (FrameFormat.NV12, FrameFormat.NV21, FrameFormat.I420):
        for padding in (0, 64):
            assert decode(yuv, frame_format, padding, (8, 8)).pixels.readonly


def reference(
    yuv: npt.NDArray[np.uint8], yuv_range: YuvRange, matrix: YuvMatrix
) -> npt.NDArray[np.float64]:
    """Red, green and blue, 0 to 255, unrounded: the equations of the recommendations, solved.

    E'_Y = k_r R + k_g G + k_b B, E'_CB = (B - E'_Y) / (2 - 2 k_b), E'_CR = (R - E'_Y) / (2 - 2 k_r)
    with all of them from 0 to 1 or -0.5 to 0.5. Source: ITU-R BT.601-7, 2.5.1 and 2.5.2 (k_r 0.299,
    k_b 0.114); ITU-R BT.709-6, 3.2 and 3.3 (0.2126, 0.0722). The limited range has Y = 219 E'_Y +
    16 and C = 224 E'_C + 128 (BT.601-7, 2.5.3; BT.709-6, 3.4), the full one Y = 255 E'_Y and
    C = 255 E'_C + 128 (JFIF 1.02, page 3, which rounds 255 to 256 nowhere).
    """
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    forward = np.array(
        [
            [red, 1 - red - blue, blue],
            np.array([-red, -(1 - red - blue), 1 - blue]) / (2 - 2 * blue),
            np.array([1 - red, -(1 - red - blue), -blue]) / (2 - 2 * red),
        ]
    )
    y, u, v = np.moveaxis(yuv.astype(float), -1, 0)
    if yuv_range is YuvRange.LIMITED:
        signals = np.stack([(y - 16) / 219, (u - 128) / 224, (v - 128) / 224], -1)
    else:
        signals = np.stack([y / 255, (u - 128) / 255, (v - 128) / 255], -1)
    return (signals @ np.linalg.inv(forward).T).clip(0, 1) * 255


@pytest.mark.parametrize("frame_format", FORMATS)
@pytest.mark.parametrize("yuv_range", YuvRange)
@pytest.mark.parametrize("matrix", YuvMatrix)
def test_colours_are_those_of_the_formula_of_range_and_matrix(
    frame_format: FrameFormat, yuv_range: YuvRange, matrix: YuvMatrix
) -> None:
    """Blocks of 2x2 pixels of random Y, U and V, so that no chroma is interpolated."""
    blocks = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    yuv = blocks.repeat(2, 0).repeat(2, 1)
    wanted = reference(yuv, yuv_range, matrix)
    spec = FrameSpec(frame_format, 120, 80, yuv_range=yuv_range, yuv_matrix=matrix)
    data = pack(yuv, frame_format, 0)
    picture = decode_spec(spec, data, (120, 80))
    assert picture.chroma is not None
    large = [np.asarray(plane) for plane in picture.chroma]
    whole = [np.asarray(picture.pixels), *(each.repeat(120 // each.shape[1], 1) for each in large)]
    whole = [each.repeat(80 // each.shape[0], 0) for each in whole]
    planes = [Image.fromarray(each) for each in whole]
    shown = np.asarray(to_rgb((planes[0], planes[1], planes[2]), picture.matrix))
    assert np.abs(shown - wanted).max() <= 0.5001


PADDED = [(1984, 1088), (2304, 1088), (1920, 1088), (1920, 1080)]
"""Stride and rows of the buffers in which hardware gives 1920x1080."""


@pytest.mark.parametrize(("stride", "rows"), PADDED)
@pytest.mark.parametrize("frame_format", [FrameFormat.NV12, FrameFormat.NV21, FrameFormat.I420])
@pytest.mark.parametrize("behind", [0, 4096])
def test_a_1080p_buffer_with_padded_planes_shows_the_picture(
    frame_format: FrameFormat, stride: int, rows: int, behind: int
) -> None:
    """As V4L2 (bytesperline, height of the buffer), libcamera and Rockchip's encoder give them."""
    yuv = to_yuv(np.asarray(gradient(1920, 1080)))
    plain = pack(yuv, frame_format, 0)
    buffer = np.full(stride * rows * 3 // 2 + behind, 0xAA, np.uint8)
    luma, chroma = 1920 * 1080, stride * rows
    planes: tuple[Plane, ...]
    place(buffer, 0, stride, np.frombuffer(plain, np.uint8, luma).reshape(1080, 1920))
    if frame_format is FrameFormat.I420:
        planes = (Plane(0, stride), Plane(chroma, stride // 2), Plane(chroma * 5 // 4, stride // 2))
        for number, (offset, narrow) in enumerate(planes[1:]):
            part = np.frombuffer(plain, np.uint8, luma // 4, luma * 5 // 4 if number else luma)
            place(buffer, offset, narrow, part.reshape(540, 960))
    else:
        planes = (Plane(0, stride), Plane(chroma, stride))
        rest = np.frombuffer(plain, np.uint8, luma // 2, luma)
        place(buffer, chroma, stride, rest.reshape(540, 1920))
    size = (257, 257)
    placed = fit((1920, 1080), size, ResizePolicy.STRETCH)
    padded = FrameSpec(frame_format, 1920, 1080, planes=planes)
    shown = resize_picture(decode_spec(padded, buffer.tobytes(), size), placed)
    wanted = resize_picture(decode_spec(FrameSpec(frame_format, 1920, 1080), plain, size), placed)
    assert np.array_equal(shown, wanted)


def place(
    buffer: npt.NDArray[np.uint8], offset: int, stride: int, rows: npt.NDArray[np.uint8]
) -> None:
    """Write `rows` into a buffer."""
    view = np.lib.stride_tricks.as_strided(buffer[offset:], rows.shape, (stride, 1))
    view[:] = rows


def test_yv12_is_i420_whose_planes_are_exchanged() -> None:
    yuv = to_yuv(np.asarray(gradient(WIDTH, HEIGHT)))
    plain = pack(yuv, FrameFormat.I420, 0)
    luma, narrow = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
    exchanged = plain[:luma] + plain[luma + narrow :] + plain[luma : luma + narrow]
    planes = (Plane(0), Plane(luma + narrow), Plane(luma))
    spec = FrameSpec(FrameFormat.I420, WIDTH, HEIGHT)
    yv12 = FrameSpec(FrameFormat.I420, WIDTH, HEIGHT, planes=planes)
    assert np.array_equal(shown_at_its_size(yv12, exchanged), shown_at_its_size(spec, plain))


def test_u_and_v_may_lie_side_by_side_in_the_rows_of_a_buffer() -> None:
    yuv = to_yuv(np.asarray(gradient(WIDTH, HEIGHT)))
    plain = pack(yuv, FrameFormat.I420, 0)
    luma = WIDTH * HEIGHT
    u, v = np.frombuffer(plain, np.uint8, -1, luma).reshape(2, HEIGHT // 2, WIDTH // 2)
    data = plain[:luma] + np.hstack([u, v]).tobytes()
    planes = (Plane(0, WIDTH), Plane(luma, WIDTH), Plane(luma + WIDTH // 2, WIDTH))
    beside = FrameSpec(FrameFormat.I420, WIDTH, HEIGHT, planes=planes)
    spec = FrameSpec(FrameFormat.I420, WIDTH, HEIGHT)
    assert np.array_equal(shown_at_its_size(beside, data), shown_at_its_size(spec, plain))
