"""What is known of a frame before anyone decodes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.core.errors import InvalidFrame, Unimplemented
from edgesegd.core.frame import (
    BYTES_PER_PIXEL,
    DECODED,
    ENCODED,
    FrameFormat,
    FrameLimits,
    FrameSpec,
    check_frame,
    recognise,
)
from support.pictures import file_of, gradient

LIMITS = FrameLimits(size=10_000, pixels=2_000)
RGB = FrameFormat.RGB
FILES = {each: file_of(gradient(8, 8), each.value.upper()) for each in sorted(ENCODED)}


@pytest.mark.parametrize("encoded", FILES)
def test_files_are_recognised_by_their_beginning(encoded: FrameFormat) -> None:
    data = FILES[encoded]
    assert recognise(data) is encoded
    for said in (FrameFormat.AUTO, encoded):
        assert check_frame(FrameSpec(said), data, LIMITS) == FrameSpec(encoded)


@pytest.mark.parametrize("encoded", FILES)
def test_the_size_said_of_a_file_is_ignored(encoded: FrameFormat) -> None:
    said = FrameSpec(encoded, width=99_999, height=99_999, stride=1)
    assert check_frame(said, FILES[encoded], LIMITS) == FrameSpec(encoded)


@pytest.mark.parametrize("said", FILES)
@pytest.mark.parametrize("real", FILES)
def test_a_file_of_another_format_is_refused(said: FrameFormat, real: FrameFormat) -> None:
    if said is real:
        return
    with pytest.raises(InvalidFrame) as caught:
        check_frame(FrameSpec(said), FILES[real], LIMITS)
    assert f"said to be {said.value.upper()}" in str(caught.value)
    assert f"begins like {real.value.upper()}" in str(caught.value)


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(20), b"RIFF\x10\0\0\0WAVEfmt ", b"\xff\xd8"])
def test_what_is_no_picture_says_how_it_begins(data: bytes) -> None:
    with pytest.raises(InvalidFrame, match="no JPEG, PNG, WebP or BMP") as caught:
        check_frame(FrameSpec(FrameFormat.AUTO), data, LIMITS)
    assert repr(data[:8]) in str(caught.value)
    with pytest.raises(InvalidFrame, match="said to be PNG, but the frame is no"):
        check_frame(FrameSpec(FrameFormat.PNG), data, LIMITS)


@pytest.mark.parametrize("frame_format", FrameFormat)
def test_an_empty_frame_is_refused(frame_format: FrameFormat) -> None:
    with pytest.raises(InvalidFrame, match="empty"):
        check_frame(FrameSpec(frame_format, 1, 1), b"", LIMITS)


def test_the_largest_frame_is_taken_and_one_more_byte_is_not() -> None:
    spec = FrameSpec(RGB, 10, 2, 5_000)
    assert check_frame(spec, bytes(10_000), LIMITS) == spec
    with pytest.raises(InvalidFrame, match="10,001 bytes, more than the 10,000 taken"):
        check_frame(spec, bytes(10_001), LIMITS)


@pytest.mark.parametrize("frame_format", [f for f in FrameFormat if f is not FrameFormat.AUTO])
def test_every_format_is_decoded_or_told_to_be_unimplemented(frame_format: FrameFormat) -> None:
    data = FILES.get(frame_format, bytes(4 * BYTES_PER_PIXEL.get(frame_format, 1)))
    spec = FrameSpec(frame_format, 2, 2)
    if frame_format in DECODED:
        assert check_frame(spec, data, LIMITS).format is frame_format
    else:
        with pytest.raises(Unimplemented, match=frame_format.value.upper()):
            check_frame(spec, data, LIMITS)


@given(
    raw=st.sampled_from(sorted(BYTES_PER_PIXEL)),
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


def test_rows_without_a_stride_are_packed() -> None:
    assert check_frame(FrameSpec(RGB, 5, 4), bytes(60), LIMITS).stride == 15


@pytest.mark.parametrize(
    ("spec", "size", "complaint"),
    [
        (FrameSpec(RGB, 0, 4), 60, "needs a width and a height, not 0x4"),
        (FrameSpec(RGB, 5, 0), 60, "needs a width and a height, not 5x0"),
        (FrameSpec(RGB, 5, 4, 14), 60, "stride 14 is less than a row of 5 RGB pixels, 15 bytes"),
        (FrameSpec(RGB, 5, 4), 59, "5x4 RGB with stride 15 has 60 bytes, not 59"),
        (FrameSpec(FrameFormat.RGBA, 5, 4), 60, "has 80 bytes, not 60"),
        (FrameSpec(RGB, 2_001, 1), 6_003, "2001x1 pixels, more than the 2,000 taken"),
        (FrameSpec(RGB, 1 << 31, 1 << 31), 60, "more than the 2,000 taken"),
    ],
)
def test_a_raw_frame_that_contradicts_itself_is_told_why(
    spec: FrameSpec, size: int, complaint: str
) -> None:
    with pytest.raises(InvalidFrame) as caught:
        check_frame(spec, bytes(size), LIMITS)
    assert complaint in str(caught.value)
