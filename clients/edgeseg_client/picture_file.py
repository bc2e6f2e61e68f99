"""Reads and decodes files of pictures where the client itself needs their pixels."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import struct
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError, features
from PIL.ImageFile import ImageFile

from edgeseg_client.decode_reason import reason_of
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.orientation import orientation_of_caller
from edgeseg_client.pixels import pixels_of_image

HEIF_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
"""Brands of the files that phones write. Source: ISO/IEC 23008-12, annex B; AVIF 1.1, 8."""
HEIF_CONTAINERS: Final = (b"mif1", b"msf1")
"""Brands that do not say how the picture is coded; the compatible brands behind them do."""
MAX_BRANDS: Final = 256
"""Bytes from the beginning of a file in which its brands are looked for."""
JPEG_QUALITY: Final = 95

_SENT_AS_FILES: Final = ("BMP", "JPEG", "MPO", "PNG")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_PROFILE: Final = b"Raw profile type exif\0"


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; raises `InvalidRequest` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read {os.fspath(path)}: {error.strerror}") from error


def decode_file(data: bytes) -> Image.Image:
    """The picture as the daemon sees it: upright, of mode L, RGB or RGBA.

    Raises `InvalidRequest` if it cannot be decoded.
    """
    kind = kind_of_heif(data)
    if kind is not None and not can_decode(kind):
        raise InvalidRequest(
            f"the picture is {kind}, for which Pillow needs a plugin: pip install"
            f" {'pillow-heif' if kind == 'HEIC' else 'pillow-avif-plugin'}; or convert it to JPEG"
        )
    try:
        return pixels_of_image(_open(data, kind))
    except InvalidRequest:
        raise
    except Exception as error:  # Pillow raises nearly everything
        what = kind or "picture"
        raise InvalidRequest(f"the {what} cannot be decoded: {reason_of(error)}") from error


def _open(data: bytes, kind: str | None) -> Image.Image:
    """The picture, of that kind of HEIF or another; not closed, for it may be what is returned."""
    if kind is None:
        return Image.open(io.BytesIO(_as_pillow_reads_it(data)))
    # The plugin for HEIC would take an AVIF too, which it may be built without.
    name = "HEIF" if kind == "HEIC" else kind
    try:
        return Image.open(io.BytesIO(data), formats=[name])
    except UnidentifiedImageError:
        Image.OPEN[name][0](io.BytesIO(data), "")  # raises the reason, which Pillow leaves out
        raise


def file_behind(image: Image.Image) -> bytes | None:
    """The file of an image that was opened and not loaded, if the daemon decodes it; else None.

    Sent so it has the labels of its path, and it is the daemon that says whether it lacks pixels,
    of which Pillow says nothing. The image stays as it is, so that it is sent so again.
    """
    if (
        not isinstance(image, ImageFile)
        or image.format not in _SENT_AS_FILES
        or not image.tile  # loaded, or changed
        or image.decoderconfig != ()  # the caller asked for a smaller one with draft()
        or image.tell() != 0
    ):
        return None
    file = image.fp
    if file is None or not file.seekable():
        return None
    at = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(at)
    return None if _has_other_exif(image, data) else data


def _has_other_exif(image: ImageFile, data: bytes) -> bool:
    """Whether the caller has changed the EXIF of an image that is not loaded, from its file's."""
    # Without EXIF before its pixels, a PNG is loaded by getexif(): then nobody has called it.
    may_have_changed = image.format != "PNG" or "exif" in image.info
    if may_have_changed and orientation_of_caller(image) is not None:
        return True
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data)) as again:
        return bool(again.info.get("exif") != image.info.get("exif"))
    return False  # the daemon says whether it is damaged


def is_heif(data: bytes | bytearray | memoryview) -> bool:
    """Whether a file is HEIC or AVIF, which the daemon does not decode."""
    return kind_of_heif(bytes(data[:MAX_BRANDS])) is not None


def kind_of_heif(data: bytes) -> str | None:
    """By the first bytes of a file: "HEIC" or "AVIF", or None for other files.

    Its first box has the major brand, a version, and compatible brands (ISO/IEC 14496-12, 4.3).
    """
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), MAX_BRANDS)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    by_coding = next((HEIF_BRANDS[brand] for brand in brands if brand in HEIF_BRANDS), None)
    return by_coding or ("HEIC" if brands[0] in HEIF_CONTAINERS else None)


def to_jpeg(data: bytes) -> bytes:
    """A picture as an upright JPEG of high quality; raises `InvalidRequest` like `decode_file`."""
    file = io.BytesIO()
    picture = decode_file(data)
    opaque = picture if picture.mode == "L" else picture.convert("RGB")
    opaque.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, exif=b"")
    return file.getvalue()


def can_decode(kind: str) -> bool:
    """Whether Pillow decodes "HEIC" or "AVIF", itself or with a plugin that is installed."""
    if kind == "AVIF" and "avif" in features.get_supported():
        return True
    module = "pillow_heif" if kind == "HEIC" else "pillow_avif"
    try:
        plugin = importlib.import_module(module)
    except ImportError:
        return False
    if kind == "HEIC":
        plugin.register_heif_opener()
    return True


def _as_pillow_reads_it(data: bytes) -> bytes:
    """The file without what the daemon does not need either, and Pillow may refuse it for."""
    if data.startswith(b"\xff\xd8"):
        return data if data.endswith(b"\xff\xd9") else data + b"\xff\xd9"
    if not data.startswith(_PNG):
        return data
    kept, start = [data[: len(_PNG)]], len(_PNG)
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + size
        if kind not in _TEXTS or data.startswith(_PROFILE, start + 8):
            kept.append(data[start:end])
        start = end
    return b"".join(kept)
