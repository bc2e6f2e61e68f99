"""Where the planes of a raw frame may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import (
    BYTES_PER_PIXEL,
    ENCODED,
    SUBSAMPLED,
    WITH_CHROMA,
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.core.raw_frame import rows_of
from edgesegd.imaging.codec import decode_frame
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.preprocess import resize_picture
from support.pictures import Pixels

LIMITS = FrameLimits(size=10_000, pixels=2_000)
NV12, I420, RGB, YUYV = FrameFormat.NV12, FrameFormat.I420, FrameFormat.RGB, FrameFormat.YUYV


def nv12(*planes: Plane, stride: int = 0) -> FrameSpec:
    """8x4 pixels: rows of 8 bytes, 4 of Y and 2 of U and V."""
    return FrameSpec(NV12, 8, 4, stride, planes)


def i420(*planes: Plane) -> FrameSpec:
    return FrameSpec(I420, 8, 4, 0, planes)


def decode(spec: FrameSpec, data: bytes, input_size: Size) -> Pixels:
    """A checked frame at the size of a model's input."""
    picture = decode_frame(
        spec,
        memoryview(data),
        model_input=input_size,
        resize=ResizePolicy.STRETCH,
        max_pixels=2_000,
        max_seconds=60,
    )
    return resize_picture(picture, fit(picture.size, input_size, ResizePolicy.STRETCH))


def test_planes_are_taken_as_they_were_sent_with_their_strides_filled_in() -> None:
    spec = check_frame(nv12(Plane(16, 10), Plane(100)), bytes(300), LIMITS)
    assert spec == nv12(Plane(16, 10), Plane(100, 8), stride=10)
    assert [rows.end for rows in rows_of(spec)] == [16 + 3 * 10 + 8, 100 + 8 + 8]


@pytest.mark.parametrize(
    ("planes", "size"),
    [
        ((Plane(0, 8), Plane(32, 8)), 48),
        ((Plane(0, 16), Plane(56, 16)), 80),
        ((Plane(16, 8), Plane(0, 8)), 48),
        ((Plane(0, 16), Plane(8, 16)), 56),
    ],
    ids=["packed", "without padding at their ends", "exchanged", "side by side"],
)
def test_planes_may_touch_one_another(planes: tuple[Plane, ...], size: int) -> None:
    for data in (bytes(size), bytes(size + 1000)):
        assert check_frame(nv12(*planes), data, LIMITS).planes == planes


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (nv12(Plane(0)), "a NV12 frame has 2 planes, Y, UV; it was sent with 1"),
        (i420(Plane(0), Plane(32)), "a I420 frame has 3 planes, Y, U, V; it was sent with 2"),
        (
            FrameSpec(RGB, 5, 4, 0, (Plane(0), Plane(60))),
            "a RGB frame has 1 plane; it was sent with 2",
        ),
        (
            nv12(Plane(0, 7), Plane(32)),
            "the plane Y: stride 7 is less than a row of 8 NV12 pixels, 8 bytes",
        ),
        (
            i420(Plane(0), Plane(32, 3), Plane(40)),
            "the plane U: stride 3 is less than a row of 8 I420 pixels, 4 bytes",
        ),
        (
            FrameSpec(YUYV, 8, 4, 0, (Plane(0, 15),)),
            "the plane: stride 15 is less than a row of 8 YUYV pixels, 16 bytes",
        ),
        (
            nv12(Plane(0), Plane(90)),
            "the plane UV of 8x4 NV12, from byte 90 on with stride 8, ends at byte 106, but the "
            "frame has 100",
        ),
        (nv12(Plane(1 << 63), Plane(0)), "ends at byte 9,223,372,036,854,775,840"),
        (
            nv12(Plane(0, (1 << 32) - 1), Plane(0)),
            "the plane Y: stride 4294967295 is more than the 10,000 bytes of a frame",
        ),
        (nv12(Plane(0, 9_999), Plane(0)), "the plane Y of 8x4 NV12"),
        (
            nv12(Plane(0), Plane(31)),
            "the planes Y and UV of 8x4 NV12 overlap: from byte 0 to 32, and 31 to 47",
        ),
        (nv12(Plane(0), Plane(0)), "the planes Y and UV of 8x4 NV12 overlap"),
        (nv12(Plane(0, 16), Plane(7, 16)), "the planes Y and UV of 8x4 NV12 overlap"),
        (i420(Plane(0), Plane(40), Plane(42)), "the planes U and V of 8x4 I420 overlap"),
        (
            nv12(Plane(0, 10), Plane(50, 10), stride=12),
            "the frame's stride 12 contradicts 10, that of its first plane",
        ),
        (FrameSpec(NV12, 7, 4, 0, (Plane(0), Plane(28))), "NV12 frames have an even width, not 7"),
        (FrameSpec(NV12, 0, 4, 0, (Plane(0), Plane(28))), "needs a width and a height, not 0x4"),
    ],
)
def test_planes_that_cannot_be_are_refused_with_the_reason(spec: FrameSpec, complaint: str) -> None:
    with pytest.raises(InvalidFrame) as caught:
        check_frame(spec, bytes(100), LIMITS)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("raw", sorted(BYTES_PER_PIXEL))
def test_a_stride_has_a_limit_where_a_plane_has_one_row_too(raw: FrameFormat) -> None:
    """There no second row says that it is too long."""
    halves = raw in SUBSAMPLED
    height, starts = (2, (0, 200, 300)) if halves else (1, (0,))
    count = 3 if raw is I420 else 2 if halves else 1
    for longest in (LIMITS.size, LIMITS.size + 1, (1 << 31) - 1, (1 << 32) - 1):
        planes = [Plane(start, longest) for start in starts[:count]]
        if halves:
            planes[0] = Plane(0, 100)
        spec = FrameSpec(raw, 8, height, 0, tuple(planes))
        if longest > LIMITS.size:
            with pytest.raises(InvalidFrame, match=f"the plane.*: stride {longest} is more than"):
                check_frame(spec, bytes(400), LIMITS)
            continue
        checked = check_frame(spec, bytes(400), LIMITS)
        assert decode(checked, bytes(400), (16, 9)).shape == (9, 16, 3)


def test_a_frame_of_the_wrong_length_hears_of_planes() -> None:
    """A buffer of 1088 rows for 1080: the usual one."""
    with pytest.raises(InvalidFrame, match=r"if there is padding .* give planes"):
        check_frame(nv12(), bytes(60), LIMITS)


@pytest.mark.parametrize("encoded", sorted(ENCODED | {FrameFormat.AUTO}))
def test_a_file_has_no_planes(encoded: FrameFormat) -> None:
    with pytest.raises(InvalidFrame, match="a file has no planes, but 1 were sent"):
        check_frame(FrameSpec(encoded, planes=(Plane(0),)), b"\xff\xd8\xff", LIMITS)


@pytest.mark.parametrize(
    "frame_format",
    [each for each in FrameFormat if each not in (*WITH_CHROMA, FrameFormat.TENSOR)],
)
def test_a_range_and_a_matrix_belong_to_yuv(frame_format: FrameFormat) -> None:
    for wrong in (
        FrameSpec(frame_format, 5, 4, yuv_range=YuvRange.FULL),
        FrameSpec(frame_format, 5, 4, yuv_matrix=YuvMatrix.BT709),
    ):
        with pytest.raises(InvalidFrame, match="a range and a matrix of YUV were sent with"):
            check_frame(wrong, bytes(60), LIMITS)


PLANES = st.lists(
    st.builds(Plane, st.integers(0, 400) | st.integers(0, 1 << 64), st.integers(0, 40)), max_size=4
).map(tuple)
SPECS = st.builds(
    FrameSpec,
    st.sampled_from(sorted(BYTES_PER_PIXEL)),
    st.integers(0, 12),
    st.integers(0, 12),
    st.just(0) | st.integers(0, 40),
    st.just(()) | PLANES,
    st.sampled_from(YuvRange),
    st.sampled_from(YuvMatrix),
)


@given(SPECS, st.integers(0, 700))
def test_any_raw_frame_is_refused_or_shows_only_bytes_of_its_own(
    spec: FrameSpec, size: int
) -> None:
    data = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8).tobytes()
    try:
        checked = check_frame(spec, data, LIMITS)
    except InvalidFrame:
        return
    every = rows_of(checked)
    assert max(rows.end for rows in every) <= size
    used = [
        at + byte
        for rows in every
        for at in range(rows.offset, rows.offset + rows.count * rows.stride, rows.stride)
        for byte in range(rows.length)
    ]
    assert len(set(used)) == len(used)
    for input_size in ((5, 3), (30, 20)):
        assert decode(checked, data, input_size).shape == (input_size[1], input_size[0], 3)
