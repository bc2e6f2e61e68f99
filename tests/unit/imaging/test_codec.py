"""Files and raw pixels become pictures, or InvalidFrame."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec, Plane
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import Picture, decode_frame
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.reduced_scale import reduced_scale_for
from support.pictures import (
    Pixels,
    bmp_of_run_lengths,
    exif,
    file_of,
    gradient,
    jpeg_of_scans,
    noise,
    png_by_hand,
)

MAX_PIXELS = 1_000_000
WHOLE = (4096, 4096)
"""A model so large that no JPEG is decoded at reduced scale."""
DATA = Path(__file__).parent / "data"
FILES = ("JPEG", "PNG", "WEBP", "BMP")
AUTO = FrameSpec(FrameFormat.AUTO)


def decode(
    data: bytes,
    spec: FrameSpec = AUTO,
    *,
    model_input: Size = WHOLE,
    resize: ResizePolicy = ResizePolicy.STRETCH,
    max_pixels: int = MAX_PIXELS,
    max_seconds: float = 60,
) -> Picture:
    """As the front checks and the engine decodes."""
    checked = check_frame(spec, data, FrameLimits(1 << 24, max_pixels))
    return decode_frame(
        checked,
        memoryview(data),
        model_input=model_input,
        resize=resize,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
    )


def rgb(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def shrunk(image: Image.Image) -> Pixels:
    return rgb(image.convert("RGB").resize((8, 8), Image.Resampling.BOX))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(file_format: str, orientation: int) -> None:
    data = file_of(gradient(40, 24), file_format, exif=exif(orientation))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = decode(data)
    assert picture.size == picture.pixels.size == upright.size
    assert np.array_equal(rgb(picture.pixels), rgb(upright))


@pytest.mark.parametrize("facts", ["gps_0_0", "gps_altref_ascii", "gps_byte_alt_neg"])
def test_orientation_is_applied_whatever_else_exif_says(facts: str) -> None:
    plain = decode((DATA / "orient6_plain.jpg").read_bytes())
    odd = decode((DATA / f"orient6_{facts}.jpg").read_bytes())
    assert odd.size == plain.size == (48, 64)
    assert np.array_equal(rgb(odd.pixels), rgb(plain.pixels))


@pytest.mark.parametrize("facts", [b"", b"Exif\0\0", bytes(60)])
def test_exif_that_cannot_be_read_leaves_the_picture_as_it_is(facts: bytes) -> None:
    picture = gradient(40, 24)
    data = file_of(picture, "JPEG", exif=facts)
    assert np.array_equal(rgb(decode(data).pixels), rgb(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_leaves_the_picture_as_it_is(value: int) -> None:
    data = file_of(gradient(40, 24), "JPEG", exif=exif(value))
    assert decode(data).size == (40, 24)


@pytest.mark.parametrize("model_input", [(90, 110), (200, 60), (60, 200)])
@pytest.mark.parametrize("resize", ResizePolicy)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_decoded_smaller_but_not_too_small(
    orientation: int, resize: ResizePolicy, model_input: Size
) -> None:
    data = file_of(gradient(800, 600), "JPEG", exif=exif(orientation), quality=95)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = decode(data, model_input=model_input, resize=resize)
    assert picture.size == upright.size
    assert picture.pixels.width <= upright.width / 2
    scale = picture.pixels.width / upright.width
    assert picture.pixels.height == pytest.approx(upright.height * scale, abs=1)
    width, height = fit(upright.size, model_input, resize).decode_size
    enough = reduced_scale_for(model_input).enough
    assert picture.pixels.width >= min(upright.width, enough * width)
    assert picture.pixels.height >= min(upright.height, enough * height)
    assert np.abs(shrunk(picture.pixels).astype(int) - shrunk(upright)).max() <= 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_no_orientation(orientation: int) -> None:
    data = file_of(gradient(40, 24), "JPEG", exif=exif(orientation))
    assert decode(data).size == (40, 24)


def test_a_progressive_jpeg_is_decoded() -> None:
    data = file_of(gradient(64, 48), "JPEG", progressive=True, quality=95)
    assert np.abs(rgb(decode(data).pixels).astype(int) - rgb(gradient(64, 48))).max() <= 12


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_that_is_not_rgb_is_decoded(mode: str) -> None:
    wanted = gradient(64, 48).convert(mode)
    data = file_of(wanted, "JPEG", quality=95, subsampling=0)
    assert np.abs(rgb(decode(data).pixels).astype(int) - rgb(wanted)).max() <= 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_png_of_every_mode_is_decoded(mode: str) -> None:
    wanted = gradient(31, 17).convert(mode)
    assert np.array_equal(rgb(decode(file_of(wanted, "PNG")).pixels), rgb(wanted))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bmp_of_every_mode_is_decoded(mode: str) -> None:
    wanted = gradient(31, 17).convert(mode)
    assert np.array_equal(rgb(decode(file_of(wanted, "BMP")).pixels), rgb(wanted))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_lossless_webp_is_decoded(mode: str) -> None:
    wanted = gradient(31, 17).convert(mode)
    data = file_of(wanted, "WEBP", lossless=True)
    assert np.array_equal(rgb(decode(data).pixels), rgb(wanted))


def test_the_alpha_of_a_png_is_ignored() -> None:
    pixels = noise(9, 5, 4)
    picture = decode(file_of(Image.fromarray(pixels, "RGBA"), "PNG"))
    assert np.array_equal(rgb(picture.pixels), pixels[..., :3])


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
def test_the_transparency_of_a_palette_png_is_ignored() -> None:
    wanted = gradient(31, 17).convert("P")
    data = file_of(wanted, "PNG", transparency=bytes(range(256)))
    assert np.array_equal(rgb(decode(data).pixels), rgb(wanted))


def test_of_an_animation_the_first_picture_is_decoded() -> None:
    first, second = Image.new("RGB", (8, 8), (250, 0, 0)), Image.new("RGB", (8, 8), (0, 250, 0))
    for file_format, options in (("WEBP", {"lossless": True}), ("PNG", {})):
        data = file_of(first, file_format, save_all=True, append_images=[second], **options)
        assert decode(data).pixels.convert("RGB").getpixel((4, 4)) == (250, 0, 0)


def test_16_bit_colour_png_keeps_the_high_bytes() -> None:
    values = np.random.default_rng(0).integers(0, 1 << 16, (5, 7, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    picture = decode(png_by_hand(7, 5, 16, 2, rows))
    assert np.abs(rgb(picture.pixels) - values / 257.0).max() <= 1


def test_16_bit_grey_png_keeps_the_high_bytes() -> None:
    values = np.linspace(0, 65535, 35).astype(np.uint16).reshape(5, 7)
    picture = decode(file_of(Image.fromarray(values), "PNG"))
    assert np.abs(rgb(picture.pixels)[..., 0] - values / 257.0).max() <= 1


@pytest.mark.parametrize("file_format", FILES)
@pytest.mark.parametrize("part", [0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_truncated_file_is_damaged(file_format: str, part: float) -> None:
    data = file_of(Image.fromarray(noise(60, 40)), file_format)
    with pytest.raises(InvalidFrame, match=f"the {file_format} is damaged"):
        decode(data[: max(14, int(len(data) * part))])


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_progressive_jpeg_is_damaged(part: float) -> None:
    data = file_of(Image.fromarray(noise(60, 40)), "JPEG", progressive=True)
    with pytest.raises(InvalidFrame, match="damaged"):
        decode(data[: int(len(data) * part)])


def test_only_the_format_that_a_file_begins_with_is_tried() -> None:
    """A PNG behind a JPEG's first bytes is no PNG."""
    png = file_of(gradient(8, 8), "PNG")
    with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
        decode(b"\xff\xd8\xff" + png)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("file_format", FILES)
def test_a_file_with_wrong_bytes_anywhere_is_decoded_or_invalid(file_format: str) -> None:
    dice = random.Random(file_format)
    options = {} if file_format == "BMP" else {"exif": exif(6)}
    whole = file_of(Image.fromarray(noise(24, 16)), file_format, **options)
    invalid = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            # Most of what decoders trust stands at the beginning.
            end = dice.choice([64, 200, len(data)])
            data[dice.randrange(4, min(end, len(data)))] = dice.randrange(256)
        try:
            picture = decode(bytes(data))
        except InvalidFrame:
            invalid += 1
        else:
            assert picture.pixels.mode in ("RGB", "L")
    assert invalid


def header_bomb(file_format: str, side: int) -> bytes:
    """A small file that says to be a picture of `side` x `side`."""
    if file_format == "PNG":
        return png_by_hand(side, side, 8, 2, bytes(1000))
    data = bytearray(file_of(gradient(16, 16), file_format))
    if file_format == "JPEG":
        at = data.index(b"\xff\xc0") + 5  # SOF0: length, precision, height, width
        data[at : at + 4] = struct.pack(">HH", side, side)
    else:
        data[18:26] = struct.pack("<ii", side, side)
    return bytes(data)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP"])
def test_a_huge_picture_is_refused_by_its_header(file_format: str) -> None:
    with pytest.raises(
        InvalidFrame, match="50000x50000 pixels, more than the 1,000,000 that are allowed"
    ):
        decode(header_bomb(file_format, 50_000))


def test_a_huge_webp_is_refused() -> None:
    data = bytearray(file_of(gradient(16, 16), "WEBP", lossless=True))
    side = 16383
    at = data.index(b"VP8L") + 9  # 14 bits of width - 1, 14 bits of height - 1
    data[at : at + 4] = struct.pack("<I", (side - 1) | (side - 1) << 14)
    with pytest.raises(InvalidFrame):
        decode(bytes(data))


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(InvalidFrame):
        decode(png_by_hand(0, 5, 8, 2, b""))


def test_the_largest_picture_is_taken_and_one_more_pixel_is_not() -> None:
    data = file_of(gradient(20, 10), "PNG")
    assert decode(data, max_pixels=200).size == (20, 10)
    with pytest.raises(InvalidFrame, match="more than the 199 that are allowed"):
        decode(data, max_pixels=199)


RAW = (
    FrameFormat.RGB,
    FrameFormat.BGR,
    FrameFormat.RGBA,
    FrameFormat.BGRA,
    FrameFormat.GRAY8,
    FrameFormat.GRAY16,
)
BYTES = {FrameFormat.GRAY8: 1, FrameFormat.GRAY16: 2, FrameFormat.RGBA: 4, FrameFormat.BGRA: 4}
"""Of a pixel, if not 3."""


def raw_frame(raw: FrameFormat, padding: int, *, full: bool) -> tuple[bytes, Pixels, FrameSpec]:
    """Its bytes, what they show, and its description; 7x5, padded with 0xAA."""
    pixels = noise(7, 5, BYTES.get(raw, 3))
    packed = 7 * pixels.shape[2]
    data = b"".join(row.tobytes() + b"\xaa" * padding for row in pixels)
    shown = pixels[..., :3]
    if raw in (FrameFormat.BGR, FrameFormat.BGRA):
        shown = shown[..., ::-1]
    elif raw is FrameFormat.GRAY16:
        shown = pixels[..., 1:]
    return (
        data if full else data[: len(data) - padding],
        np.broadcast_to(shown, (5, 7, 3)),
        FrameSpec(raw, 7, 5, packed + padding if padding else 0),
    )


@pytest.mark.parametrize("padding", [0, 1, 12])
@pytest.mark.parametrize("raw", RAW)
def test_raw_pixels_of_every_format_and_stride_are_decoded(raw: FrameFormat, padding: int) -> None:
    data, shown, spec = raw_frame(raw, padding, full=True)
    picture = decode(data, spec)
    assert picture.size == (7, 5)
    assert np.array_equal(rgb(picture.pixels), shown)


@pytest.mark.parametrize("raw", RAW)
@pytest.mark.parametrize("behind", [0, 12, 5000])
def test_the_plane_of_a_raw_frame_may_be_anywhere_in_its_bytes(
    raw: FrameFormat, behind: int
) -> None:
    data, shown, spec = raw_frame(raw, 12, full=False)
    placed = FrameSpec(raw, 7, 5, planes=(Plane(100, spec.stride),))
    picture = decode(b"\xbb" * 100 + data + b"\xcc" * behind, placed)
    assert np.array_equal(rgb(picture.pixels), shown)


@pytest.mark.parametrize("raw", RAW)
def test_rows_are_skipped_wherever_the_plane_is(raw: FrameFormat) -> None:
    """Two rows are read for each that the model needs."""
    pixels = noise(8, 90, BYTES.get(raw, 3))
    packed = pixels.shape[1] * pixels.shape[2]
    plain = decode(pixels.tobytes(), FrameSpec(raw, 8, 90), model_input=(9, 9))
    rows = b"".join(b"\xbb" * 30 + row.tobytes() for row in pixels)
    spec = FrameSpec(raw, 8, 90, planes=(Plane(30, packed + 30),))
    moved = decode(rows, spec, model_input=(9, 9))
    assert plain.pixels.size == (8, 18)
    assert np.array_equal(rgb(moved.pixels), rgb(plain.pixels))


@pytest.mark.parametrize("raw", RAW)
def test_the_last_row_of_a_raw_frame_needs_no_padding(raw: FrameFormat) -> None:
    data, shown, spec = raw_frame(raw, 12, full=False)
    assert np.array_equal(rgb(decode(data, spec).pixels), shown)


@pytest.mark.parametrize("raw", RAW)
def test_the_stride_of_a_single_row_is_no_larger_than_frames_are(raw: FrameFormat) -> None:
    """Its padding need not be there, so the frame's size does not limit it."""
    data = bytes(28)
    assert decode(data, FrameSpec(raw, 7, 1, 1 << 20)).size == (7, 1)
    with pytest.raises(InvalidFrame, match="stride 4294967295 is more than"):
        decode(data, FrameSpec(raw, 7, 1, (1 << 32) - 1))


@pytest.mark.parametrize(
    ("height", "shown"), [(15, range(15)), (16, range(0, 16, 2)), (33, range(1, 33, 4))]
)
@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("raw", RAW)
def test_of_a_tall_raw_frame_two_rows_are_read_for_each_of_the_models(
    raw: FrameFormat, padding: int, height: int, shown: range
) -> None:
    """The model has four rows; the last row has no padding."""
    channels = BYTES.get(raw, 3)
    rows = [bytes([row * 7]) * channels * 6 for row in range(height)]
    data = (b"\xaa" * padding).join(rows)
    picture = decode(data, FrameSpec(raw, 6, height, 6 * channels + padding), model_input=(4, 4))
    assert picture.size == (6, height)
    assert rgb(picture.pixels)[:, 0, 0].tolist() == [row * 7 for row in shown]
    assert (rgb(picture.pixels) == rgb(picture.pixels)[:, :1, :1]).all()


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded() -> None:
    assert decode(jpeg_of_scans(50, Image.new("L", (64, 48), 9), progressive=True)).size == (64, 48)
    with pytest.raises(InvalidFrame, match=r"the JPEG has 4,0\d\d scans; at most 100 are decoded"):
        decode(jpeg_of_scans(4000, progressive=True))


def test_a_jpeg_whose_first_scan_holds_all_and_is_not_the_last_is_damaged() -> None:
    """The decoder stops at the second: no limit is needed there."""
    with pytest.raises(InvalidFrame, match="the JPEG is damaged"):
        decode(jpeg_of_scans(4000))


def test_a_jpeg_whose_components_have_scans_of_their_own_has_a_limit_of_them_too() -> None:
    """It is not progressive; libjpeg reads every scan before the first pixel comes."""
    whole = file_of(gradient(64, 48), "JPEG", subsampling=0)
    at = whole.index(b"\xff\xda")
    one = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 100
    with pytest.raises(InvalidFrame, match="the JPEG has 101 scans"):
        decode(whole[:at] + one * 101 + b"\xff\xd9")


def test_a_small_bmp_of_many_pixels_in_run_lengths_is_refused_before_it_is_decoded() -> None:
    assert decode(bmp_of_run_lengths(200, 100)).size == (200, 100)
    with pytest.raises(InvalidFrame, match=r"49000x1000 pixels in run lengths; at most 1,048,576"):
        decode(bmp_of_run_lengths(49_000, 1000), max_pixels=10**8)
