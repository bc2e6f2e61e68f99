"""Pillow's decoder of JPEGs, which notes how much of what it was given it left for the next time.

Behind a whole scan it drops all bytes up to the next marker. Within one that is cut it takes them
for codes, and leaves those of a block that is not complete. Nothing else that Pillow passes on
tells one from the other.
"""

from __future__ import annotations

from typing import Any, cast

from PIL import Image
from PIL.ImageFile import ImageFile, PyDecoder

NAME = "edgesegd_watched_jpeg"


class WatchedJpegDecoder(PyDecoder):
    """Decodes as Pillow's own decoder; after each call the bytes that it left are noted."""

    def init(self, args: tuple[Any, ...]) -> None:
        """`args` are where to note them, and what the decoder of Pillow gets."""
        self._left, *others = args
        # As ImageFile.load() gets it; there is no other way.
        self._decoder = Image._getdecoder(self.mode, "jpeg", tuple(others))  # noqa: SLF001

    def setimage(self, im: object, extents: tuple[int, int, int, int] | None = None) -> None:
        """Let the pixels be written to `im`."""
        self._decoder.setimage(im, extents)

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:
        """Decode a part; returns how many bytes were used, -1 at the end, and an error or 0."""
        used, error = self._decoder.decode(buffer)
        if used >= 0:
            self._left.append(len(cast(bytes, buffer)) - used)
        return used, error

    def cleanup(self) -> None:
        """Free what the decoder has."""
        self._decoder.cleanup()


Image.register_decoder(NAME, WatchedJpegDecoder)


def watch(image: ImageFile) -> list[int]:
    """Let a JPEG that is not loaded be watched; returns the list that is filled meanwhile."""
    left: list[int] = []
    _, extents, offset, args = image.tile[0]
    of_decoder = args if isinstance(args, tuple) else (args,)
    tile: Any = (NAME, extents, offset, (left, *of_decoder))
    image.tile = [tile]
    return left
