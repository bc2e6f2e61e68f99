"""A JPEG without its end marker is decoded; one that lacks pixels is not."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.geometry import Size
from edgesegd.imaging.jpeg_end import find_end
from edgesegd.imaging.jpeg_header import read_jpeg
from edgesegd.imaging.picture_file import decode_file
from support.pictures import (
    Pixels,
    file_of,
    gradient,
    jpeg_of_components,
    jpeg_segment,
    lossless_jpeg,
    noise,
)

DATA = Path(__file__).parent / "data"
WHOLE = (4096, 4096)
END = b"\xff\xd9"
CODINGS: dict[str, dict[str, object]] = {
    "baseline": {},
    "full chroma": {"subsampling": 0},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
    "progressive": {"progressive": True},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
}
MODES = ("L", "RGB", "CMYK")


def decode(data: bytes, model_input: Size = WHOLE) -> Pixels:
    picture, _ = decode_file(
        FrameFormat.JPEG,
        memoryview(data),
        model_input=model_input,
        resize=ResizePolicy.STRETCH,
        max_pixels=10_000_000,
        max_seconds=60,
    )
    return np.asarray(picture)


def picture_of(mode: str, coding: str) -> bytes:
    image = Image.fromarray(noise(150, 100)).convert(mode)
    return file_of(image, "JPEG", quality=85, **CODINGS[coding])


@pytest.mark.parametrize("model_input", [WHOLE, (64, 64)])
def test_the_picture_whose_end_marker_is_missing_is_decoded(model_input: Size) -> None:
    data = (DATA / "no_eoi.jpg").read_bytes()
    assert np.array_equal(decode(data, model_input), decode(data + END, model_input))
    assert len(decode(data)) == 240


@pytest.mark.parametrize("model_input", [WHOLE, (64, 64)])
def test_half_a_picture_with_an_end_marker_is_damaged(model_input: Size) -> None:
    with pytest.raises(InvalidFrame, match="the JPEG is damaged: image file is truncated"):
        decode((DATA / "half_eoi.jpg").read_bytes(), model_input)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_only_the_end_marker_may_be_missing(coding: str, mode: str, missing: int) -> None:
    whole = picture_of(mode, coding)
    with Image.open(io.BytesIO(whole)) as image:
        wanted = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    assert np.array_equal(decode(whole[: len(whole) - missing]), wanted)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("end", [b"", END, END + END, jpeg_segment(0xFE, b"cut here") + END])
def test_a_picture_that_is_cut_is_damaged_whatever_is_at_its_end(
    coding: str, mode: str, end: bytes
) -> None:
    whole = picture_of(mode, coding)
    first = whole.index(b"\xff\xda")
    behind = whole.rindex(b"\xff\xda") if "progressive" in coding else len(whole)
    for part in (0.03, 0.2, 0.5, 0.8, 0.97):
        cut = int(first + (behind - first) * part)
        with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
            decode(whole[:cut] + end)


def test_a_baseline_picture_may_lack_a_block_at_most() -> None:
    """Eight bytes are in the decoder's buffer; each makes two symbols of a block at most."""
    image = Image.fromarray(noise(64, 64)[..., 0])
    whole = file_of(image, "JPEG", quality=85)
    wanted = decode(whole).astype(int)
    lacking = []
    for missing in range(3, 400):
        try:
            pixels = decode(whole[:-missing] + END)
        except InvalidFrame:
            continue
        wrong = np.argwhere(np.abs(pixels - wanted) > 0)
        assert (wrong >= (56, 48)).all()
        lacking.append(missing)
    assert len(lacking) < 60


def test_what_follows_the_end_marker_is_not_read() -> None:
    """The pictures of an MPO, a film of a phone, zeros of a camera's buffer."""
    for coding in CODINGS:
        whole, other = picture_of("RGB", coding), picture_of("L", "progressive")
        for behind in (other, bytes(5000), b"ftypmp42" * 100, END, b"\xff\xda" * 300):
            assert np.array_equal(decode(whole + behind), decode(whole))


@pytest.mark.parametrize("coding", CODINGS)
def test_zeros_behind_the_data_are_no_pixels(coding: str) -> None:
    """As in a camera's buffer, or in a file whose download is not done."""
    whole = picture_of("RGB", coding)
    wanted = decode(whole)
    for size in (1, 3, 100_000):
        assert np.array_equal(decode(whole[:-2] + bytes(size)), wanted)
        cut = (whole.index(b"\xff\xda") + len(whole)) // 2
        with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
            decode(whole[:cut] + bytes(size))


def test_half_a_picture_before_a_whole_one_is_damaged() -> None:
    for coding in CODINGS:
        whole = picture_of("RGB", coding)
        cut = (whole.index(b"\xff\xda") + len(whole)) // 3
        with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
            decode(whole[:cut] + END + whole)


def test_a_progressive_picture_ends_at_any_scan_only_with_an_end_marker() -> None:
    """Then all its pixels are there, coarser; without one nobody says that it was to end there."""
    whole = picture_of("RGB", "progressive")
    starts = [found.start() for found in re.finditer(rb"\xff\xda", whole)]
    ends = [re.compile(rb"\xff[\xc4\xda]").search(whole, start + 2) for start in starts[:-1]]
    assert len(ends) > 5
    for end in ends:
        assert end is not None
        assert decode(whole[: end.start()] + END).shape == (100, 150, 3)
        with pytest.raises(InvalidFrame, match="it ends before its last scan"):
            decode(whole[: end.start()])


def photo_like(width: int, height: int) -> Image.Image:
    """Noise, and smooth parts whose coefficients are mostly zero, as in a photograph."""
    coarse = Image.fromarray(noise(12, 9)).resize((width, height), Image.Resampling.BICUBIC)
    fine = np.asarray(coarse).astype(int)
    fine[: height // 2] += noise(width, height // 2) // 8
    return Image.fromarray(fine.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("model_input", [WHOLE, (40, 30)])
def test_a_progressive_picture_whose_last_scan_is_cut_is_damaged(
    model_input: Size, quality: int, mode: str
) -> None:
    """It refines the others, so all pixels are there, but nobody says that it was to end there."""
    for image in (photo_like(320, 240), Image.fromarray(noise(160, 96))):
        whole = file_of(image.convert(mode), "JPEG", quality=quality, progressive=True)
        assert decode(whole, model_input).std() > 10
        first = re.compile(rb"\xff\xda").search(whole, whole.rindex(b"\xff\xda"))
        assert first is not None
        start, end = first.end() + 8, len(whole) - 2
        for part in (0, 0.02, 0.2, 0.5, 0.8, 0.95):
            for behind in (END, jpeg_segment(0xFE, b"cut here") + END, bytes(500)):
                with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
                    decode(whole[: int(start + (end - start) * part)] + behind, model_input)


def test_a_progressive_picture_may_lack_a_few_blocks_at_most() -> None:
    whole = file_of(Image.fromarray(noise(64, 64)[..., 0]), "JPEG", quality=85, progressive=True)
    wanted = decode(whole).astype(int)
    lacking = []
    for missing in range(3, 300):
        try:
            pixels = decode(whole[:-missing] + END)
        except InvalidFrame:
            continue
        wrong = np.argwhere(pixels != wanted)
        assert (wrong >= (56, 48)).all()
        lacking.append(missing)
    assert len(lacking) < 60


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 31), (200, 150)])
def test_a_whole_progressive_picture_is_decoded_whatever_it_shows(size: Size, mode: str) -> None:
    for image in (
        photo_like(*size),
        gradient(*size),
        Image.new("RGB", size),
        Image.fromarray(noise(*size)),
    ):
        for quality in (1, 50, 100):
            data = file_of(image.convert(mode), "JPEG", quality=quality, progressive=True)
            with Image.open(io.BytesIO(data)) as opened:
                wanted = np.asarray(opened if opened.mode == "L" else opened.convert("RGB"))
            assert np.array_equal(decode(data), wanted)


def test_a_picture_whose_components_have_scans_of_their_own_must_have_them_all() -> None:
    whole = jpeg_of_components([noise(80, 60, 1, seed)[..., 0] for seed in range(3)])
    wanted = decode(whole)
    assert np.array_equal(decode(whole[:-2]), wanted)
    starts = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert len(starts) == 3
    for cut in (*starts[1:], starts[2] + 200, len(whole) - 200):
        with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
            decode(whole[:cut])
    for cut in (starts[1] + 200, starts[2] + 200, len(whole) - 200):
        with pytest.raises(InvalidFrame, match="its last scan is cut"):
            decode(whole[:cut] + END)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_lossless_jpeg_is_decoded_at_full_size_or_cannot_be_decoded(channels: int) -> None:
    """720p; libjpeg-turbo reads it since version 3, and no reduced scale of it."""
    image = gradient(1280, 720)
    pixels = np.asarray(image)[..., :channels]
    data = lossless_jpeg(pixels)
    if int((features.version("libjpeg_turbo") or "0").split(".")[0]) < 3:
        with pytest.raises(InvalidFrame, match="the JPEG cannot be decoded: broken data stream"):
            decode(data, (257, 257))
        return
    for whole in (data, data[:-2]):
        decoded = decode(whole, (257, 257))
        assert np.array_equal(decoded.reshape(pixels.shape), pixels)
    with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
        decode(data[: len(data) // 2] + END)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (jpeg_segment(0xF7, bytes([8, 0, 9, 0, 9, 1, 1, 0x11, 0])), "it is a JPEG-LS"),
        (jpeg_segment(0xF8, bytes([1, 0, 255])), "it is a JPEG-LS"),
        (jpeg_segment(0xC1, bytes([12, 0, 9, 0, 9, 1, 1, 0x11, 0])), "its samples have 12 bits"),
        (jpeg_segment(0xC3, bytes([16, 0, 9, 0, 9, 1, 1, 0x11, 0])), "its samples have 16 bits"),
    ],
)
def test_a_jpeg_of_a_kind_that_is_not_read_cannot_be_decoded(start: bytes, reason: str) -> None:
    scan = jpeg_segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + bytes(50) + END
    with pytest.raises(InvalidFrame, match=f"the JPEG cannot be decoded: {reason}") as caught:
        decode(b"\xff\xd8" + start + scan)
    assert "damaged" not in str(caught.value)
    assert "send it as a baseline JPEG, or as PNG" in str(caught.value)


def test_a_picture_in_one_scan_is_read_once() -> None:
    for coding in CODINGS:
        end = find_end(read_jpeg(memoryview(picture_of("RGB", coding))))
        assert not end.other_tail, coding
        assert not end.cut


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic_progressive"])
def test_an_arithmetic_jpeg_may_lack_its_end_marker_and_no_pixels(name: str) -> None:
    whole = (DATA / f"{name}.jpg").read_bytes()
    wanted = decode(whole)
    for complete in (whole[:-2], whole + bytes(50), whole[:-2] + bytes(2)):
        assert np.array_equal(decode(complete), wanted)
    first = whole.index(b"\xff\xda")
    # Of the progressive one in its first scan; the others of this smooth picture hold next to none.
    behind = whole.index(b"\xff\xda", first + 2) if "progressive" in name else len(whole)
    for part in (0.5, 0.8):
        for end in (b"", END, jpeg_segment(0xFE, b"cut here") + END):
            with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
                decode(whole[: int(first + (behind - first) * part)] + end)
