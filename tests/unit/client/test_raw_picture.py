"""Raw frames are drawn as the daemon sees them."""

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import InvalidRequest, Plane, RawImage
from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange
from edgeseg_client.overlay import open_picture
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.frame import YuvMatrix as Matrix
from edgesegd.core.frame import YuvRange as Range
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import decode_frame
from edgesegd.imaging.yuv import rgb_matrix, split_planes, to_rgb
from support.pictures import noise

FORMATS: dict[RawFormat, float] = {
    "rgb": 3,
    "bgr": 3,
    "rgba": 4,
    "bgra": 4,
    "gray8": 1,
    "gray16": 2,
    "nv12": 1.5,
    "nv21": 1.5,
    "i420": 1.5,
    "yuyv": 2,
    "uyvy": 2,
}
"""Bytes of a pixel."""
WIDTH, HEIGHT = 32, 20


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("range_", ["limited", "full"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_raw_frame_is_drawn_as_the_daemon_decodes_it(
    format_: RawFormat, range_: YuvRange, matrix: YuvMatrix
) -> None:
    data = noise(WIDTH, int(HEIGHT * FORMATS[format_]), 1).tobytes()
    raw = RawImage(data, format_, WIDTH, HEIGHT, yuv_range=range_, yuv_matrix=matrix)
    spec = FrameSpec(
        FrameFormat(format_), WIDTH, HEIGHT, yuv_range=Range(range_), yuv_matrix=Matrix(matrix)
    )
    if format_ in ("rgb", "bgr", "rgba", "bgra", "gray8", "gray16"):
        decoded = decode_frame(
            spec,
            memoryview(data),
            model_input=(WIDTH, HEIGHT),
            resize=ResizePolicy.STRETCH,
            max_pixels=10_000,
            max_seconds=60,
        ).pixels
    else:
        luma, *chroma = split_planes(spec, memoryview(data))
        u, v = (plane.resize(luma.size, Image.Resampling.NEAREST) for plane in chroma)
        decoded = to_rgb((luma, u, v), rgb_matrix(Range(range_), Matrix(matrix)))
    ours = np.asarray(open_picture(raw)).astype(int)
    theirs = np.asarray(decoded.convert("RGB")).astype(int)
    assert ours.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(ours - theirs).max() <= 2


def test_padding_is_not_drawn() -> None:
    rows = noise(WIDTH + 16, HEIGHT + 4, 1)[..., 0]
    raw = RawImage(b"ab" + rows.tobytes(), "gray8", WIDTH, HEIGHT, planes=[Plane(2, WIDTH + 16)])
    drawn = np.asarray(open_picture(raw))[..., 0]
    assert drawn.tolist() == rows[:HEIGHT, :WIDTH].tolist()


def test_a_frame_with_too_few_planes_is_an_error() -> None:
    raw = RawImage(bytes(WIDTH * HEIGHT * 2), "nv12", WIDTH, HEIGHT, planes=[Plane(0, WIDTH)])
    with pytest.raises(InvalidRequest, match="has no 1 planes"):
        open_picture(raw)


def test_a_plane_behind_the_bytes_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="do not fit into its bytes"):
        open_picture(RawImage(bytes(10), "gray8", WIDTH, HEIGHT))
