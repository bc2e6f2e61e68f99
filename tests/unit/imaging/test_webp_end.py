"""A WebP whose end was not written is damaged; one that really ends in zeros is decoded."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat
from edgesegd.imaging.webp_end import UNUSED, with_other_end
from support.decoding import decode_whole
from support.pictures import exif, file_of, noise

PHOTO = Image.fromarray(noise(20, 15)).resize((320, 240), Image.Resampling.BICUBIC)
CODINGS: dict[str, dict[str, object]] = {
    "lossy": {"quality": 80},
    "coarse": {"quality": 20},
    "fine": {"quality": 100},
    "with EXIF": {"quality": 80, "exif": exif(6)},
    "animated": {
        "quality": 80,
        "save_all": True,
        "append_images": [PHOTO.transpose(Image.Transpose.ROTATE_180)],
    },
    "lossless": {"lossless": True},
}
MODES = ("RGB", "RGBA", "L")


decode = partial(decode_whole, FrameFormat.WEBP)


def picture_of(mode: str, coding: str) -> bytes:
    image = PHOTO.convert(mode)
    if mode == "RGBA":
        image.putalpha(PHOTO.convert("L"))
    return file_of(image, "WEBP", **CODINGS[coding])


def pixels_of(data: bytes) -> tuple[int, int]:
    """Where the data of the first picture start and end."""
    start = min(at for kind in (b"VP8 ", b"VP8L") if (at := data.find(kind)) > 0) + 8
    return start, start + int.from_bytes(data[start - 4 : start], "little")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", CODINGS)
def test_a_webp_whose_end_was_not_written_is_damaged(coding: str, mode: str) -> None:
    """A download into a file that had its full length before has zeros there."""
    whole = picture_of(mode, coding)
    assert decode(whole).std() > 10
    start, end = pixels_of(whole)
    for part in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9):
        cut = int(start + (end - start) * part)
        with pytest.raises(InvalidFrame, match="the WEBP is damaged"):
            decode(whole[:cut] + bytes(len(whole) - cut))


def black_below(part: float, width: int = 640, height: int = 480) -> Image.Image:
    pixels = np.asarray(PHOTO.resize((width, height))).copy()
    pixels[int(height * part) :] = 0
    return Image.fromarray(pixels)


FLAT = {
    **{f"black below {part}": black_below(part) for part in (0.01, 0.1, 0.3, 0.6, 0.9)},
    "black": Image.new("RGB", (1500, 1000)),
    "white": Image.new("RGB", (999, 1201), "white"),
    "grey": Image.new("L", (1200, 1200), 128),
    "teal": Image.new("RGB", (1500, 1000), "teal"),
}


@pytest.mark.parametrize("name", FLAT)
def test_a_whole_picture_is_decoded_however_many_zeros_it_ends_in(name: str) -> None:
    image = FLAT[name]
    for options in (
        {"quality": 20},
        {"quality": 80},
        {"quality": 100, "method": 0},
        {"lossless": True, "method": 0, "quality": 0},
        {"lossless": True},
        {"save_all": True, "append_images": [image.rotate(90)], "method": 0, "quality": 100},
    ):
        assert decode(file_of(image, "WEBP", **options)).shape[:2] == (image.height, image.width)


def test_whole_pictures_with_thousands_of_zeros_at_their_end_are_among_them() -> None:
    zeros = []
    for options in ({"lossless": True, "quality": 0}, {"quality": 100}):
        data = file_of(black_below(0.1, 1280, 960), "WEBP", method=0, **options)
        start, end = pixels_of(data)
        zeros.append(len(data[start:end]) - len(data[start:end].rstrip(b"\0")))
    assert min(zeros) > 1000


def test_a_webp_without_zeros_at_its_end_is_decoded_once() -> None:
    for coding in CODINGS:
        assert with_other_end(memoryview(picture_of("RGB", coding))) is None, coding


def test_zeros_behind_the_first_picture_do_not_matter() -> None:
    """Such as of a later frame of an animation, which is not segmented."""
    for coding in CODINGS:
        whole = picture_of("RGB", coding)
        assert np.array_equal(decode(whole + bytes(5000)), decode(whole)), coding
    whole = picture_of("RGB", "animated")
    cut = whole.rindex(b"VP8 ") + 200
    assert np.array_equal(decode(whole[:cut] + bytes(len(whole) - cut)), decode(whole))


@pytest.mark.parametrize(
    "data", [b"", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8 " + bytes(4), bytes(100_000)]
)
def test_a_file_without_pixels_has_no_other_end(data: bytes) -> None:
    assert with_other_end(memoryview(data)) is None


def test_the_bytes_that_no_pixel_depends_on_are_fewer_than_those_that_are_changed() -> None:
    """Measured: an encoder may write a few more bytes than its decoder needs, up to 8."""
    for coding in ("lossy", "coarse", "fine", "lossless"):
        whole = picture_of("RGB", coding)
        wanted = decode(whole)
        _, end = pixels_of(whole)
        changed = whole[: end - UNUSED // 2] + bytes(range(1, UNUSED // 2 + 1)) + whole[end:]
        try:
            assert not np.array_equal(decode(changed), wanted), coding
        except InvalidFrame:
            continue
