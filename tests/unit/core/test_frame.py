"""What is known of a frame before anyone decodes it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import (
    BYTES_PER_PIXEL,
    DECODED,
    ENCODED,
    SUBSAMPLED,
    WITH_CHROMA,
    FrameFormat,
    FrameLimits,
    FrameSpec,
)
from edgesegd.core.frame_check import check_frame, recognise
from support.pictures import file_of, gradient

LIMITS = FrameLimits(size=10_000, pixels=2_000)
RGB = FrameFormat.RGB
FILES = {each: file_of(gradient(8, 8), each.value.upper()) for each in sorted(ENCODED)}


@pytest.mark.parametrize("encoded", FILES)
def test_image_files_are_recognised_by_their_first_bytes(encoded: FrameFormat) -> None:
    data = FILES[encoded]
    assert recognise(data) is encoded
    for declared in (FrameFormat.AUTO, encoded):
        assert check_frame(FrameSpec(declared), data, LIMITS) == FrameSpec(encoded)


@pytest.mark.parametrize("encoded", FILES)
def test_the_declared_size_of_a_file_is_ignored(encoded: FrameFormat) -> None:
    declared = FrameSpec(encoded, width=99_999, height=99_999, stride=1)
    assert check_frame(declared, FILES[encoded], LIMITS) == FrameSpec(encoded)


@pytest.mark.parametrize(("declared", "real"), [*permutations(FILES, 2)])
def test_a_file_of_another_format_than_declared_is_refused(
    declared: FrameFormat, real: FrameFormat
) -> None:
    with pytest.raises(InvalidFrame) as caught:
        check_frame(FrameSpec(declared), FILES[real], LIMITS)
    assert f"the format is {declared.value.upper()}" in str(caught.value)
    assert f"the frame is {real.value.upper()}" in str(caught.value)


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(20), b"RIFF\x10\0\0\0WAVEfmt ", b"\xff\xd8"])
def test_a_frame_that_is_no_picture_is_refused_with_its_first_bytes(data: bytes) -> None:
    with pytest.raises(InvalidFrame, match="not a JPEG, PNG, WebP or BMP") as caught:
        check_frame(FrameSpec(FrameFormat.AUTO), data, LIMITS)
    assert repr(data[:8]) in str(caught.value)
    with pytest.raises(InvalidFrame, match="the format is PNG, but the frame is not"):
        check_frame(FrameSpec(FrameFormat.PNG), data, LIMITS)


@pytest.mark.parametrize("frame_format", FrameFormat)
def test_an_empty_frame_is_refused(frame_format: FrameFormat) -> None:
    with pytest.raises(InvalidFrame, match="empty"):
        check_frame(FrameSpec(frame_format, 1, 1), b"", LIMITS)


def test_the_largest_frame_is_taken_and_one_more_byte_is_not() -> None:
    spec = FrameSpec(RGB, 10, 2, 5_000)
    assert check_frame(spec, bytes(10_000), LIMITS) == spec
    with pytest.raises(InvalidFrame, match="10,001 bytes, more than the 10,000 that are allowed"):
        check_frame(spec, bytes(10_001), LIMITS)


@pytest.mark.parametrize(
    "frame_format", [f for f in FrameFormat if f not in (FrameFormat.AUTO, FrameFormat.TENSOR)]
)
def test_every_picture_format_is_accepted(frame_format: FrameFormat) -> None:
    planes = 1.5 if frame_format in SUBSAMPLED else 1
    data = FILES.get(frame_format, bytes(int(4 * BYTES_PER_PIXEL.get(frame_format, 1) * planes)))
    assert frame_format in DECODED
    assert check_frame(FrameSpec(frame_format, 2, 2), data, LIMITS).format is frame_format


@pytest.mark.parametrize(
    ("frame_format", "stride", "shortest"),
    [
        (FrameFormat.NV12, 10, 10 * 5 + 8),
        (FrameFormat.I420, 10, 10 * 5 + 5 + 4),
        (FrameFormat.YUYV, 20, 20 * 3 + 16),
    ],
)
def test_a_yuv_frame_has_the_bytes_of_its_planes(
    frame_format: FrameFormat, stride: int, shortest: int
) -> None:
    """8x4 pixels; only the padding of the very last row may be missing."""
    spec = FrameSpec(frame_format, 8, 4, stride)
    longest = stride * (4 if frame_format is FrameFormat.YUYV else 6)
    for size in (shortest, longest):
        assert check_frame(spec, bytes(size), LIMITS) == spec
    for size in (shortest - 1, longest + 1):
        with pytest.raises(InvalidFrame, match=f"has {longest} bytes, not {size}"):
            check_frame(spec, bytes(size), LIMITS)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (FrameSpec(FrameFormat.NV12, 7, 4), "NV12 frames have an even width, not 7"),
        (FrameSpec(FrameFormat.I420, 8, 5), "I420 frames have an even height, not 5"),
        (FrameSpec(FrameFormat.I420, 8, 4, 9), "I420 frames have an even stride, not 9"),
        (FrameSpec(FrameFormat.YUYV, 7, 5), "YUYV frames have an even width, not 7"),
        (FrameSpec(FrameFormat.YUYV, 8, 5, 15), "stride 15 is less than a row of 8 YUYV pixels"),
    ],
)
def test_a_yuv_frame_of_half_pairs_of_pixels_is_refused(spec: FrameSpec, complaint: str) -> None:
    with pytest.raises(InvalidFrame, match=complaint):
        check_frame(spec, bytes(96), LIMITS)


@given(
    raw=st.sampled_from(sorted(BYTES_PER_PIXEL.keys() - WITH_CHROMA)),
    width=st.integers(1, 40),
    height=st.integers(1, 20),
    padding=st.integers(0, 20),
    difference=st.integers(-25, 5),
)
def test_raw_frames_have_the_bytes_of_their_rows(
    raw: FrameFormat, width: int, height: int, padding: int, difference: int
) -> None:
    """The padding of the last row may be there, in part too, and nothing else may differ."""
    stride = width * BYTES_PER_PIXEL[raw] + padding
    size = stride * height + difference
    spec = FrameSpec(raw, width, height, stride)
    if size > 0 and -padding <= difference <= 0:
        assert check_frame(spec, bytes(size), LIMITS) == spec
    else:
        with pytest.raises(InvalidFrame):
            check_frame(spec, bytes(max(size, 0)), LIMITS)


def test_the_rows_of_a_raw_frame_without_a_stride_are_packed() -> None:
    assert check_frame(FrameSpec(RGB, 5, 4), bytes(60), LIMITS).stride == 15


@pytest.mark.parametrize(
    ("spec", "size", "complaint"),
    [
        (FrameSpec(RGB, 0, 4), 60, "needs a width and a height, not 0x4"),
        (FrameSpec(RGB, 5, 0), 60, "needs a width and a height, not 5x0"),
        (FrameSpec(RGB, 5, 4, 14), 60, "stride 14 is less than a row of 5 RGB pixels, 15 bytes"),
        (FrameSpec(RGB, 5, 4), 59, "5x4 RGB with stride 15 has 60 bytes, not 59"),
        (FrameSpec(FrameFormat.RGBA, 5, 4), 60, "has 80 bytes, not 60"),
        (FrameSpec(RGB, 2_001, 1), 6_003, "2001x1 pixels, more than the 2,000 that are allowed"),
        (FrameSpec(RGB, 1 << 31, 1 << 31), 60, "more than the 2,000 that are allowed"),
    ],
)
def test_a_raw_frame_that_contradicts_itself_is_refused_with_the_reason(
    spec: FrameSpec, size: int, complaint: str
) -> None:
    with pytest.raises(InvalidFrame) as caught:
        check_frame(spec, bytes(size), LIMITS)
    assert complaint in str(caught.value)
