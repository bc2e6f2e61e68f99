"""The picture in a `sensor_msgs/CompressedImage`.

`format` is "jpeg" or "png", or what image_transport's compressed plugin writes: the encoding of the
image before compression, then "; jpeg compressed " or "; png compressed ", then the encoding that
was given to OpenCV.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from PIL import Image

from edgeseg_client import RawImage
from edgeseg_client.decode_reason import reason_of
from edgeseg_ros.errors import ImageRefused

CompressedRgb: TypeAlias = Literal["", "right", "exchanged"]

_FIRST_BYTES: Final = {
    "jpeg": b"\xff\xd8\xff",
    "jpg": b"\xff\xd8\xff",
    "png": b"\x89PNG\r\n\x1a\n",
}


class CompressedMessage(Protocol):
    """What is read of a `sensor_msgs/CompressedImage`."""

    format: str
    data: Any


@dataclass(frozen=True, slots=True)
class CompressedReader:
    """Reads compressed images.

    `compressed_rgb` says what files are like whose format ends in "compressed rgb8". By the rule of
    image_transport their red and blue are exchanged, because OpenCV took RGB for BGR. But several
    drivers write it for files that are right.
    """

    compressed_rgb: CompressedRgb = ""

    def read(self, message: CompressedMessage) -> bytes | RawImage:
        """The file; a file whose red and blue are exchanged is decoded and comes as `RawImage`.

        Raises `ImageRefused` for another format, for data that are not of it, and for "compressed
        rgb8" unless it is known what that means here.
        """
        before, codec, compressed = _split(message.format)
        if before.startswith(("16uc", "32fc")):
            raise ImageRefused(
                f"compressed images of the format {message.format!r} are measurements, such as"
                " depth, and not pictures"
            )
        if codec not in _FIRST_BYTES:
            raise ImageRefused(
                f"compressed images of the format {message.format!r} are not read: set the"
                " publisher's format to jpeg or png"
            )
        file = memoryview(message.data).tobytes()
        if not file.startswith(_FIRST_BYTES[codec]):
            raise ImageRefused(f"the data are not a {codec} file, though the format says so")
        if not compressed.startswith("rgb") or self.compressed_rgb == "right":
            return file
        if self.compressed_rgb == "exchanged":
            return _exchange_red_and_blue(file)
        raise ImageRefused(
            f"the format {message.format!r} means that red and blue are exchanged in the file, but"
            " several drivers write it for files that are right. Look at a picture, and set the"
            " parameter `compressed_rgb` to right or exchanged"
        )


def _split(text: str) -> tuple[str, str, str]:
    """The encoding before compression, the codec and the encoding that was compressed."""
    before, semicolon, rest = text.lower().partition(";")
    if not semicolon:
        before, rest = "", before
    codec, _, compressed = rest.partition(" compressed")
    return before.strip(), codec.strip(), compressed.strip()


def _exchange_red_and_blue(file: bytes) -> RawImage:
    try:
        with Image.open(io.BytesIO(file)) as picture:
            pixels = picture.convert("RGB")
    except OSError as error:
        raise ImageRefused(f"the file cannot be decoded: {reason_of(error)}") from error
    return RawImage(pixels.tobytes(), "bgr", pixels.width, pixels.height)
