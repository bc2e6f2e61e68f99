"""Checks a frame before it is decoded."""

from __future__ import annotations

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import (
    ENCODED,
    WITH_CHROMA,
    Bytes,
    FrameFormat,
    FrameLimits,
    FrameSpec,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.raw_frame import check_raw

MAGIC = {
    FrameFormat.JPEG: (b"\xff\xd8\xff",),
    FrameFormat.PNG: (b"\x89PNG\r\n\x1a\n",),
    FrameFormat.BMP: (b"BM",),
    FrameFormat.WEBP: (b"RIFF",),
}
"""The first bytes of files; a WebP also has "WEBP" at byte 8."""
HEIF_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
"""Brands of files that cameras write. Source: ISO/IEC 23008-12, annex B; AVIF 1.1, 8."""
HEIF_CONTAINERS = (b"mif1", b"msf1")
"""Brands that do not say how the picture is coded; the compatible brands behind them do."""
OTHER_FILES = {
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"\xff\n": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
}
"""The first bytes of pictures that are named, so that it is clear what to convert."""
MAX_MAGIC = 256
"""Bytes from the beginning of a frame by which its format is recognised."""


def check_frame(spec: FrameSpec, data: Bytes, limits: FrameLimits) -> FrameSpec:
    """Check that `data` can be such a frame; returns `spec` with format and strides filled in.

    Raises InvalidFrame if they contradict each other or the limits.
    """
    if not data:
        raise InvalidFrame("the frame is empty: it has 0 bytes", InvalidReason.EMPTY)
    if len(data) > limits.size:
        raise InvalidFrame(
            f"the frame has {len(data):,} bytes, more than the {limits.size:,} that are allowed",
            InvalidReason.TOO_LARGE,
        )
    if spec.format is FrameFormat.AUTO or spec.format in ENCODED:
        _refuse_raw_facts(spec)
        if spec.format is FrameFormat.AUTO:
            return FrameSpec(recognise(bytes(data[:MAX_MAGIC])))
        _check_magic(spec.format, bytes(data[:MAX_MAGIC]))
        return FrameSpec(spec.format)
    if spec.format not in WITH_CHROMA:
        _refuse_yuv_facts(spec)
    return check_raw(spec, len(data), limits)


def recognise(data: bytes) -> FrameFormat:
    """The encoded format with whose magic bytes `data` begins; raises InvalidFrame if none."""
    for candidate, beginnings in MAGIC.items():
        if data.startswith(beginnings) and (
            candidate is not FrameFormat.WEBP or data[8:12] == b"WEBP"
        ):
            return candidate
    advice = "raw pixels need a format, a width and a height"
    if (other := _other_file(data)) is not None:
        advice = f"it is {other}, which the daemon does not decode: send it as JPEG or PNG" + (
            ", or with edgeseg_client, which converts it" if other in HEIF_BRANDS.values() else ""
        )
    raise InvalidFrame(
        f"the frame is not a JPEG, PNG, WebP or BMP file (it begins with {data[:8]!r}); {advice}",
        InvalidReason.FORMAT,
    )


def _other_file(data: bytes) -> str | None:
    by_start = (name for start, name in OTHER_FILES.items() if data.startswith(start))
    return _heif(data) or next(by_start, None)


def _heif(data: bytes) -> str | None:
    """By major and compatible brands, in the first box of a file: ISO/IEC 14496-12, 4.3."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4]), len(data))
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    by_coding = next((HEIF_BRANDS[brand] for brand in brands if brand in HEIF_BRANDS), None)
    return by_coding or ("HEIC" if brands[0] in HEIF_CONTAINERS else None)


def _check_magic(expected: FrameFormat, data: bytes) -> None:
    try:
        found = recognise(data)
    except InvalidFrame as error:
        raise InvalidFrame(
            f"the format is {expected.value.upper()}, but {error}", InvalidReason.FORMAT
        ) from None
    if found is not expected:
        raise InvalidFrame(
            f"the format is {expected.value.upper()}, but the frame is {found.value.upper()}",
            InvalidReason.FORMAT,
        )


def _refuse_raw_facts(spec: FrameSpec) -> None:
    """A file says all this itself; what would be ignored is refused."""
    if spec.planes:
        raise InvalidFrame(
            f"a file has no planes, but {len(spec.planes)} were sent with it; they belong to a raw "
            "format",
            InvalidReason.DESCRIPTION,
        )
    _refuse_yuv_facts(spec)


def _refuse_yuv_facts(spec: FrameSpec) -> None:
    if (spec.yuv_range, spec.yuv_matrix) != (YuvRange.LIMITED, YuvMatrix.BT601):
        raise InvalidFrame(
            f"a range and a matrix of YUV were sent with a frame of the format "
            f"{spec.format.value.upper()}; they belong to "
            + ", ".join(sorted(each.value.upper() for each in WITH_CHROMA)),
            InvalidReason.DESCRIPTION,
        )
