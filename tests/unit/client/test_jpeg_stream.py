"""MJPEG is split into its pictures, and no byte of them is changed."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgeseg_client.errors import SourceLost
from edgeseg_client.sources import jpeg_stream
from edgeseg_client.sources.jpeg_stream import split_jpegs
from support.pictures import file_of, gradient, jpeg_segment, noise


def with_preview(picture: bytes) -> bytes:
    """A JPEG whose EXIF segment holds a JPEG of its own, as cameras write them."""
    preview = file_of(gradient(16, 16), "JPEG")
    return picture[:2] + jpeg_segment(0xE1, b"Exif\0\0" + preview) + picture[2:]


PLAIN = file_of(gradient(64, 48), "JPEG")
PICTURES = [
    PLAIN,
    with_preview(PLAIN),
    file_of(gradient(64, 48), "JPEG", progressive=True),
    file_of(Image.fromarray(noise(40, 24)), "JPEG", quality=98),
    file_of(gradient(64, 48), "JPEG", restart_marker_blocks=2),
    PLAIN[:-2] + b"\xff\xff\xff\xd9",
]
BETWEEN = [
    b"",
    b"\r\n--frame\r\nContent-Type: image/jpeg\r\nX: \xff\xff\r\n\r\n",
    b"\0" * 70,
    b"\xff",
]


def reader(data: bytes, sizes: list[int]) -> Callable[[int], bytes]:
    """Reads `data` in pieces of these sizes, and of 7 bytes then."""
    file, left = io.BytesIO(data), iter(sizes)
    return lambda most: file.read(min(most, next(left, 7)))


@given(
    st.lists(st.tuples(st.sampled_from(PICTURES), st.sampled_from(BETWEEN)), max_size=6),
    st.lists(st.integers(1, 400), max_size=60),
)
def test_every_picture_comes_out_as_it_went_in(
    parts: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    data = b"".join(between + picture for picture, between in parts)
    assert list(split_jpegs(reader(data, sizes))) == [picture for picture, _ in parts]


def test_a_picture_that_is_cut_off_by_the_end_is_left_out() -> None:
    data = PLAIN + PLAIN[:-20]
    assert list(split_jpegs(io.BytesIO(data).read)) == [PLAIN]


def test_a_damaged_picture_costs_no_other() -> None:
    damaged = PLAIN[:20] + b"\x00" * 40 + PLAIN[60:]
    found = list(split_jpegs(io.BytesIO(PLAIN + damaged + PLAIN + PLAIN).read))
    assert found[0] == PLAIN
    assert found[-1] == PLAIN


@pytest.mark.parametrize("between", [b"", BETWEEN[1]])
@pytest.mark.parametrize("picture", [PLAIN, PICTURES[2], PICTURES[4]])
def test_a_picture_that_is_cut_anywhere_costs_no_other(picture: bytes, between: bytes) -> None:
    good = [file_of(gradient(64, 48 + number), "JPEG") for number in range(3)]
    for cut in range(len(picture)):
        parts = [good[0], picture[:cut], *good[1:]]
        found = list(split_jpegs(io.BytesIO(b"".join(between + part for part in parts)).read))
        assert [one for one in found if one in good] == good, cut
        assert len(found) <= 4


def test_a_cut_picture_costs_no_other_in_pieces_of_any_size() -> None:
    good = [file_of(gradient(64, 8 + number), "JPEG") for number in range(40)]
    parts = [*good[:20], good[20][: len(good[20]) // 2], *good[21:]]
    data = b"".join(BETWEEN[1] + part for part in parts)
    for size in [*range(1, 80), *range(100, len(data), 997), len(data)]:
        found = list(split_jpegs(reader(data, [size] * (len(data) // size + 1))))
        assert [one for one in found if one in good] == [*good[:20], *good[21:]], size
        assert len(found) == 40, "the cut one is answered with an error"


def test_a_picture_with_a_preview_that_is_cut_costs_no_other_between_headers() -> None:
    for cut in range(0, len(PICTURES[1]), 5):
        parts = [PLAIN, PICTURES[1][:cut], PICTURES[1], PLAIN]
        data = b"".join(BETWEEN[1] + part for part in parts)
        found = list(split_jpegs(io.BytesIO(data).read))
        assert [one for one in found if one in PICTURES] == [PLAIN, PICTURES[1], PLAIN], cut


@pytest.mark.parametrize("data", [b"\0" * 3000, b"\xff\xd8\xff\xe0\x00\x04ab" + b"\xff\xda" * 1500])
def test_data_without_a_picture_is_an_error_and_not_kept(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_stream, "MAX_PICTURE", 2000)
    with pytest.raises(SourceLost, match="is it an MJPEG stream"):
        list(split_jpegs(reader(data, [])))
