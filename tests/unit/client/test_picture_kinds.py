"""A picture is the same on every way: as Pillow image, array, file, and under its overlay."""

from __future__ import annotations

import io
import re
import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import ImageLike, InvalidRequest
from edgeseg_client.encode import write_image
from edgeseg_client.orientation import read_orientation
from edgeseg_client.overlay import open_picture
from edgeseg_client.picture_file import can_decode, is_heif, kind_of_heif
from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging import exif as daemons_exif
from edgesegd.imaging.picture_file import decode_file as decode_in_daemon
from support.pictures import exif, file_of, gradient, jpeg_segment, noise, png_chunk

CASES = Path(__file__).parents[1] / "imaging" / "data"
Array = npt.NDArray[np.uint8]


def sent(image: ImageLike) -> Array:
    """The pixels that the daemon gets, as RGB."""
    message = pb.Frame()
    write_image(message, image)
    channels = {pb.FRAME_FORMAT_GRAY8: 1, pb.FRAME_FORMAT_RGB: 3, pb.FRAME_FORMAT_RGBA: 4}
    if message.format not in channels:
        return in_daemon(message.data)
    shape = (message.height, message.width, channels[message.format])
    pixels = np.frombuffer(message.data, np.uint8).reshape(shape)
    return np.broadcast_to(pixels[..., :3], (*shape[:2], 3))


def in_daemon(data: bytes) -> Array:
    """The pixels that the daemon decodes from a file, as RGB."""
    begins = {b"\xff\xd8": "jpeg", b"\x89P": "png", b"RI": "webp", b"BM": "bmp"}
    picture, _ = decode_in_daemon(
        FrameFormat(begins[data[:2]]),
        memoryview(data),
        model_input=(4096, 4096),
        resize=ResizePolicy.STRETCH,
        max_pixels=10_000_000,
        max_seconds=60,
    )
    return np.asarray(picture.convert("RGB"))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("facts", ["plain", "gps_0_0", "gps_altref_ascii", "gps_byte_alt_neg"])
def test_orientation_is_applied_whatever_else_exif_says(facts: str) -> None:
    path = CASES / f"orient6_{facts}.jpg"
    wanted = in_daemon((CASES / "orient6_plain.jpg").read_bytes())
    assert wanted.shape == (64, 48, 3)
    loaded = Image.open(path)
    loaded.load()
    unloaded = opened(path.read_bytes())
    for image in (path, str(path), path.read_bytes(), unloaded, loaded, loaded.copy()):
        assert np.array_equal(sent(image), wanted)
        drawn_on = open_picture(image)
        assert np.array_equal(np.asarray(drawn_on), wanted)


def facts_of(orientation: int, *others: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of an orientation and of other entries: tag, type, count and value."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", orientation, 0)), *others]
    body = b"".join(struct.pack("<HHI4s", *entry) for entry in sorted(entries))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


ODD = {
    "a rational behind the end": (0x011A, 5, 1, b"\xff\xff\0\0"),
    "a rational of 0/0": (0x011A, 5, 1, b"\0\0\0\0"),
    "an unknown type": (0x010F, 99, 1, b"abcd"),
    "a count without end": (0x010F, 2, 0xFFFFFFFF, b"\x08\0\0\0"),
    "a directory that is none": (0x8825, 4, 1, b"\xff\xff\xff\x7f"),
    "a directory that is itself": (0x8825, 4, 1, b"\x08\0\0\0"),
    "a directory that is text": (0x8769, 2, 4, b"text"),
    "bytes for a number": (0x0103, 1, 1, b"\x06\0\0\0"),
    "a negative number": (0x0102, 9, 1, b"\xff\xff\xff\xff"),
    "a maker's note": (0x927C, 7, 4, b"\xff\xd8\xff\xe1"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, where a test saves or opens
def test_other_entries_of_exif_do_not_matter(file_format: str, name: str) -> None:
    data = file_of(gradient(40, 24), file_format, exif=facts_of(6, ODD[name]))
    wanted = in_daemon(data)
    assert wanted.shape == (40, 24, 3)
    for image in (data, opened(data)):
        assert np.array_equal(sent(image), wanted)
        assert np.array_equal(np.asarray(open_picture(image)), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_once(orientation: int) -> None:
    data = file_of(gradient(40, 24), "PNG", exif=exif(orientation))
    wanted = np.asarray(ImageOps.exif_transpose(opened(data)))
    for image in (data, opened(data), ImageOps.exif_transpose(opened(data))):
        assert np.array_equal(sent(image), wanted)


def test_an_orientation_that_the_caller_sets_is_applied() -> None:
    image = gradient(40, 24)
    image.getexif()[0x0112] = 6
    assert np.array_equal(sent(image), np.rot90(np.asarray(gradient(40, 24)), -1))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, 6), (6, 1), (6, 3), (6, None), (None, 9)])
def test_an_orientation_that_the_caller_sets_counts_more_than_the_files(
    before: int | None, after: int | None, loaded: bool, file_format: str
) -> None:
    if file_format == "BMP" and before:
        pytest.skip("a BMP has no EXIF")
    facts = {"exif": exif(before)} if before else {}
    plain = file_of(gradient(40, 24), file_format, lossless=True, quality=95)
    image = opened(file_of(gradient(40, 24), file_format, lossless=True, quality=95, **facts))
    if loaded:
        image.load()
    if after is None:
        del image.getexif()[0x0112]
    else:
        image.getexif()[0x0112] = after
    turns = {6: -1, 3: 2}.get(after or 1, 0)
    wanted = np.rot90(in_daemon(plain), turns)
    assert np.array_equal(sent(image), wanted)
    assert np.array_equal(np.asarray(open_picture(image)), wanted)


def test_exif_that_the_caller_replaces_counts_as_for_pillow() -> None:
    """It does not where Pillow has read it already, for the resolution of a JPEG."""
    for file_format, options in (("JPEG", {}), ("JPEG", {"dpi": (72, 72)}), ("PNG", {})):
        data = file_of(gradient(40, 24), file_format, exif=exif(6), **options)
        image, same = opened(data), opened(data)
        image.info["exif"] = same.info["exif"] = exif(1).tobytes()
        assert sent(image).shape[:2] == ImageOps.exif_transpose(same).size[::-1]
        other = opened(data)
        other.getexif()[0x010F] = "maker"  # no orientation: it is sent as its file
        message = pb.Frame()
        write_image(message, other)
        assert message == pb.Frame(data=data)


def test_an_orientation_in_xmp_is_none_on_every_way() -> None:
    """It is not EXIF: no browser reads it, and only some versions of Pillow do."""
    whole = file_of(gradient(40, 24), "JPEG", quality=95)
    text = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    data = whole[:2] + jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text) + whole[2:]
    assert sent(data).shape == sent(opened(data)).shape == (24, 40, 3)


def test_a_tiff_is_turned_once() -> None:
    data = file_of(gradient(40, 24), "TIFF", exif=exif(6))
    wanted = np.rot90(np.asarray(gradient(40, 24)), -1)
    loaded = opened(data)
    loaded.load()
    for image in (opened(data), loaded):
        assert np.array_equal(sent(image), wanted)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: facts_of(6)[:14] + rest))
def test_the_client_reads_exif_as_the_daemon_does(facts: bytes) -> None:
    assert read_orientation(facts) == daemons_exif.read_orientation(facts)


@given(st.integers(0, 40), st.integers(0, 255), st.integers(1, 8))
def test_the_client_reads_damaged_exif_as_the_daemon_does(
    at: int, byte: int, orientation: int
) -> None:
    for whole in (facts_of(orientation), exif(orientation).tobytes()):
        facts = bytearray(whole)
        facts[at % len(facts)] = byte
        for part in (bytes(facts), bytes(facts[:at])):
            assert read_orientation(part) == daemons_exif.read_orientation(part)


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


@pytest.mark.parametrize("mode", MODES)
def test_a_png_of_every_mode_is_the_same_on_every_way(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        values = np.random.default_rng(0).integers(0, 1 << 16, (17, 31)).astype(np.uint16)
        image = Image.fromarray(values)
    else:
        image = Image.fromarray(noise(31, 17, 4), "RGBA").convert(mode)
    path = tmp_path / "picture.png"
    image.save(path)
    wanted = in_daemon(path.read_bytes())
    for way in (path, path.read_bytes(), opened(path.read_bytes()), image):
        assert np.array_equal(sent(way), wanted)
        assert np.array_equal(np.asarray(open_picture(way)), wanted)


def test_transparency_is_left_out_on_every_way() -> None:
    palette = gradient(31, 17).convert("P")
    for options in ({"transparency": bytes(range(256))}, {"transparency": 3}):
        data = file_of(palette, "PNG", **options)
        wanted = in_daemon(data)
        assert np.array_equal(sent(opened(data)), wanted)
        assert np.array_equal(np.asarray(open_picture(opened(data))), wanted)


@pytest.mark.parametrize("coding", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_of_every_mode_is_the_same_on_every_way(
    mode: str, coding: dict[str, object]
) -> None:
    data = file_of(gradient(31, 17).convert(mode), "JPEG", exif=exif(8), **coding)
    wanted = in_daemon(data)
    for way in (data, opened(data)):
        assert np.array_equal(sent(way), wanted)
        assert np.array_equal(np.asarray(open_picture(way)), wanted)


def test_of_16_bits_the_upper_8_are_sent_on_every_way() -> None:
    path = CASES / "gray16.png"
    wanted = in_daemon(path.read_bytes())
    with Image.open(path) as image:
        values = np.asarray(image).astype(np.uint16)
    assert np.array_equal(wanted[..., 0], values >> 8)
    big_endian = Image.frombytes("I;16B", (320, 240), values.astype(">u2").tobytes())
    for way in (path, opened(path.read_bytes()), big_endian, values, values.astype(">u2")):
        assert np.array_equal(sent(way), wanted)
        assert np.array_equal(np.asarray(open_picture(way)), wanted)
    colour = np.stack([values, values // 2, values // 3], -1)
    assert np.array_equal(sent(colour), colour >> 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_pillow_image_whose_range_nobody_knows_is_refused(mode: str) -> None:
    image = Image.new(mode, (4, 3))
    for use in (sent, open_picture):
        with pytest.raises(InvalidRequest, match=f"mode {mode} has no range that is known"):
            use(image)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 3), (4, 3, 4)])
def test_an_overlay_is_drawn_on_every_array_that_can_be_segmented(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(np.asarray(open_picture(array)), sent(array))


def test_the_files_that_the_daemon_decodes_have_overlays() -> None:
    """Pillow alone refuses the first, for its end, and the second, for its text."""
    for name in ("no_eoi.jpg", "itxt_big.png"):
        data = (CASES / name).read_bytes()
        wanted = in_daemon(data)
        for way in (CASES / name, data, bytearray(data), memoryview(data)):
            assert np.array_equal(np.asarray(open_picture(way)), wanted)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b""), b"\xff\xd8"]
)
def test_a_file_that_is_cut_has_no_overlay(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="cannot be decoded"):
        open_picture(data)


def test_an_overlay_on_what_is_no_picture_says_what_is() -> None:
    with pytest.raises(InvalidRequest, match="an overlay is not drawn on a int; give a path"):
        open_picture(3)  # type: ignore[arg-type]


def test_a_pillow_image_that_is_not_loaded_is_sent_as_its_file() -> None:
    """So it has the labels of its path, whatever Pillow makes of it."""
    for name in ("no_eoi.jpg", "half_eoi.jpg", "gray16.png", "orient6_gps_0_0.jpg"):
        message = pb.Frame()
        with Image.open(CASES / name) as image:
            write_image(message, image)
        assert message == pb.Frame(data=(CASES / name).read_bytes())
    with Image.open(CASES / "no_eoi.jpg") as image:
        assert open_picture(image).size == (320, 240)


def test_a_pillow_image_that_is_not_loaded_stays_so_and_is_sent_as_its_file_again() -> None:
    for file_format in ("JPEG", "PNG"):
        data = file_of(gradient(40, 24), file_format)
        image = opened(data)
        for _ in range(3):
            message = pb.Frame()
            write_image(message, image)
            assert message == pb.Frame(data=data)
        assert np.array_equal(np.asarray(image), np.asarray(opened(data)))


def test_what_the_caller_made_of_a_pillow_image_is_sent() -> None:
    data = file_of(gradient(160, 120), "JPEG")
    smaller = opened(data)
    smaller.draft("RGB", (80, 60))
    cropped = opened(data).crop((0, 0, 30, 20))
    animation = opened(
        file_of(
            Image.new("RGB", (9, 5)),
            "PNG",
            save_all=True,
            append_images=[Image.new("RGB", (9, 5), "red")],
        )
    )
    animation.seek(1)
    for image, shape in ((smaller, (60, 80, 3)), (cropped, (20, 30, 3)), (animation, (5, 9, 3))):
        assert sent(image).shape == shape
    assert (sent(animation) == (255, 0, 0)).all()


def test_a_pillow_image_whose_file_is_gone_is_sent_if_it_was_loaded() -> None:
    file = io.BytesIO(file_of(gradient(40, 24), "PNG"))
    image = Image.open(file)
    image.load()
    file.close()
    assert np.array_equal(sent(image), np.asarray(gradient(40, 24)))
    lost = io.BytesIO(file_of(gradient(40, 24), "PNG"))
    never_loaded = Image.open(lost)
    lost.close()
    with pytest.raises(InvalidRequest, match="cannot be sent"):
        sent(never_loaded)


AVIF = "avif" in features.get_supported()
NEEDS_AVIF = pytest.mark.skipif(not AVIF, reason="this Pillow has no AVIF (it has since 11.3)")
NEEDS_HEIC = pytest.mark.skipif(
    find_spec("pillow_heif") is None, reason="needs a plugin: pip install pillow-heif"
)


@NEEDS_AVIF
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_avif_is_sent_as_an_upright_jpeg(orientation: int, tmp_path: Path) -> None:
    data = file_of(gradient(80, 60), "AVIF", quality=95, exif=exif(orientation))
    (tmp_path / "picture.avif").write_bytes(data)
    image = gradient(80, 60)
    wanted = np.asarray(image if orientation == 1 else image.transpose(Image.ROTATE_270))  # type: ignore[attr-defined]
    for way in (data, bytearray(data), memoryview(data), tmp_path / "picture.avif", opened(data)):
        assert np.abs(sent(way).astype(int) - wanted).mean() < 4
    assert open_picture(data).size == (wanted.shape[1], wanted.shape[0])


@NEEDS_AVIF
def test_an_avif_whose_major_brand_is_of_its_container_only_is_sent_as_jpeg() -> None:
    """As libvips and older tools write it; the compatible brands say that it is AVIF."""
    data = file_of(gradient(80, 60), "AVIF", quality=95)
    assert data[8:12] == b"avif"
    assert b"avif" in data[16 : int.from_bytes(data[:4], "big")]
    other = data[:8] + b"mif1" + data[12:]
    assert np.array_equal(sent(other), sent(data))
    with pytest.raises(InvalidFrame, match="it is AVIF, which the daemon does not decode"):
        check_frame(FrameSpec(FrameFormat.AUTO), other, FrameLimits(1 << 20, 1 << 20))


BRANDS = [b"mif1", b"msf1", b"heic", b"avif", b"avis", b"miaf", b"isom", b"hevx", b"\0\0\0\0"]


@given(st.lists(st.sampled_from(BRANDS), min_size=1, max_size=80), st.integers(0, 400))
def test_the_client_reads_brands_as_the_daemon_does(brands: list[bytes], size: int) -> None:
    major, *others = brands
    data = size.to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(others)
    with pytest.raises(InvalidFrame) as caught:
        check_frame(FrameSpec(FrameFormat.AUTO), data, FrameLimits(1 << 20, 1 << 20))
    kind = kind_of_heif(data)
    assert is_heif(data) == (kind is not None)
    assert (f"it is {kind}, which" in str(caught.value)) == is_heif(data)


@pytest.mark.parametrize(
    ("brand", "kind", "plugin"),
    [("heic", "HEIC", "pillow-heif"), ("mif1", "HEIC", "pillow-heif")]
    + ([] if AVIF else [(each, "AVIF", "pillow-avif-plugin") for each in ("avif", "mif1....avif")]),
)
def test_a_file_that_needs_a_plugin_says_which(
    brand: str, kind: str, plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "pillow_avif", None)
    data = b"\0\0\0\x18ftyp" + brand.encode() + bytes(40)
    (tmp_path / "picture").write_bytes(data)
    assert not can_decode(kind)
    for way in (data, tmp_path / "picture"):
        for use in (sent, open_picture):
            with pytest.raises(InvalidRequest, match=f"{kind}, .* pip install {plugin}"):
                use(way)


@NEEDS_HEIC
def test_a_heic_is_sent_as_an_upright_jpeg_if_the_plugin_is_installed(tmp_path: Path) -> None:
    assert can_decode("HEIC")
    data = file_of(gradient(80, 60), "HEIF", quality=95, exif=exif(6).tobytes())
    (tmp_path / "picture.heic").write_bytes(data)
    wanted = np.rot90(np.asarray(gradient(80, 60)), -1)
    for way in (data, tmp_path / "picture.heic", opened(data)):
        assert np.abs(sent(way).astype(int) - wanted).mean() < 4
        assert open_picture(way).size == (60, 80)


@pytest.mark.parametrize(
    ("kind", "file_format"),
    [
        pytest.param("HEIC", "HEIF", marks=NEEDS_HEIC),
        pytest.param("AVIF", "AVIF", marks=NEEDS_AVIF),
    ],
)
def test_a_damaged_file_of_a_phone_says_its_kind_and_the_decoders_reason(
    kind: str, file_format: str
) -> None:
    assert can_decode(kind)
    whole = file_of(Image.fromarray(noise(80, 60)), file_format, quality=80)
    for cut in (40, 100, len(whole) // 3, len(whole) * 9 // 10):
        for use in (sent, open_picture):
            with pytest.raises(InvalidRequest, match=f"the {kind} cannot be decoded: ") as caught:
                use(whole[:cut])
            reason = str(caught.value).partition("decoded: ")[2]
            assert len(reason) > 10
            assert "identify" not in reason
            assert not re.search("0x|BytesIO|\n|Pillow does not know", reason)
