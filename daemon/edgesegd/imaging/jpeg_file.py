"""Decodes JPEG files, in bounded memory and time, at the smallest scale that is enough."""

from __future__ import annotations

import io
import math
import re
from itertools import islice

from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import FrameFormat, check_pixels
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.decode_error import undecodable
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.jpeg_end import END_MARKER, PROBES, JpegEnd, find_end
from edgesegd.imaging.jpeg_header import Jpeg, read_jpeg
from edgesegd.imaging.orientation import SIDEWAYS
from edgesegd.imaging.reduced_scale import reduced_scale_for
from edgesegd.imaging.timed_file import TimedFile, TimeIsOver
from edgesegd.imaging.watched_jpeg import watch

START_OF_SCAN = b"\xff\xda"
FIND_SCANS = re.compile(START_OF_SCAN)
"""Finds scans three times faster than bytes.find."""
MAX_SHORT_HEADERS = 1 << 16
"""Bytes before the first scan that may be read without checking the time, which would take longer
than reading them: Pillow reads headers byte by byte. Whatever they are, it needs about 20 ms."""
MAX_SCANS = 100
"""How many scans of a JPEG are decoded: each goes over the whole picture. Encoders make about ten;
libjpeg's own tools warn of files with more than a hundred."""
MAX_ARITHMETIC_PIXELS = 1 << 24
"""How many pixels of an arithmetic JPEG are decoded, over all its scans. They are decoded twice,
and libjpeg cannot pause in one, so the time is not checked. Pillow gives libjpeg 64 KB at most,
which in real pictures hold a few million pixels."""


def decode_jpeg(
    data: memoryview,
    *,
    model_input: Size,
    resize: ResizePolicy,
    max_pixels: int,
    max_seconds: float,
) -> tuple[Image.Image, Size, int]:
    """Decode a JPEG; returns the picture, maybe smaller, its size in the file and its orientation.

    Raises InvalidFrame, also for a file that lacks pixels, and TimeIsOver after `max_seconds`.
    """
    jpeg = read_jpeg(data)
    if jpeg.first_scan >= len(jpeg.data):
        raise InvalidFrame(
            "the JPEG is damaged: it ends before its first scan", InvalidReason.DAMAGED
        )
    end = find_end(jpeg)
    if end.cut:
        raise InvalidFrame(
            "the JPEG is damaged: it ends before its last scan", InvalidReason.DAMAGED
        )
    tails = [end.tail, end.other_tail] if end.other_tail else [end.tail]
    # An arithmetic one must be there in one piece.
    files = [
        TimedFile(jpeg.data[: end.offset] + tail if jpeg.arithmetic else jpeg.data, max_seconds)
        for tail in tails
    ]
    has_short_headers = jpeg.first_scan <= MAX_SHORT_HEADERS
    pictures, cut = [], False
    try:
        for file, tail in zip(files, tails, strict=True):
            # Not Image.open: that also reads an index of further pictures in the file, which may
            # be very expensive.
            with JpegImageFile(io.BytesIO(jpeg.data) if has_short_headers else file) as image:
                size = image.size
                check_pixels(*size, max_pixels)
                if not jpeg.one_scan:
                    _limit_scans(jpeg, end, image, file)
                if not jpeg.arithmetic:
                    behind = (*PROBES, END_MARKER) if end.probed else ()
                    file.end_at(end.offset, tail, *behind)
                image.fp = file
                if not jpeg.lossless:
                    _reduce(image, jpeg.orientation, model_input, resize)
                left = watch(image) if end.probed else []
                image.load()
                cut = cut or any(left[-len(PROBES) :])
                pictures.append(image)
    except (InvalidFrame, MemoryError, TimeIsOver):
        raise
    except Exception as error:  # noqa: BLE001 # Pillow raises nearly everything
        rare = jpeg.lossless or jpeg.arithmetic
        raise undecodable(FrameFormat.JPEG, error, kind_is_rare=rare) from None
    picture, *others = pictures
    if cut or any(ImageChops.difference(picture, other).getbbox() for other in others):
        raise InvalidFrame("the JPEG is damaged: its last scan is cut", InvalidReason.DAMAGED)
    return picture, size, jpeg.orientation


def _reduce(image: ImageFile, orientation: int, model_input: Size, resize: ResizePolicy) -> None:
    """Let `image` be decoded at the smallest scale that is enough for the model."""
    width, height = image.size
    size = (height, width) if orientation in SIDEWAYS else (width, height)
    enough = reduced_scale_for(model_input).enough
    across, down = fit(size, model_input, resize).decode_size
    across, down = math.ceil(enough * across), math.ceil(enough * down)
    image.draft("RGB", (down, across) if orientation in SIDEWAYS else (across, down))


def _limit_scans(jpeg: Jpeg, end: JpegEnd, image: ImageFile, file: TimedFile) -> None:
    """Raise InvalidFrame for too many scans; let the time be checked before each further scan.

    A scan over the whole picture may have only a few bytes. A JPEG whose first scan has the whole
    picture needs no such limit, and the search would take longer than all other checks.
    """
    found = FIND_SCANS.finditer(jpeg.data, 0, end.offset)
    scans = [scan.start() for scan in islice(found, MAX_SCANS + 1)]
    if len(scans) > MAX_SCANS:
        count = jpeg.data.count(START_OF_SCAN)
        raise InvalidFrame(
            f"the JPEG has {count:,} scans; at most {MAX_SCANS} are decoded",
            InvalidReason.TOO_COSTLY,
        )
    if not jpeg.arithmetic:
        file.stop_reads_at(scans)
    elif len(scans) * image.width * image.height > MAX_ARITHMETIC_PIXELS:
        raise InvalidFrame(
            f"the arithmetic JPEG has {len(scans)} scans of {image.width}x{image.height} pixels; "
            f"at most {MAX_ARITHMETIC_PIXELS:,} pixels are decoded so: send it as a baseline JPEG",
            InvalidReason.TOO_COSTLY,
        )
