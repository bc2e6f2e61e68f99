"""Says why a file could not be decoded: it is damaged, or of a kind that no decoder here reads."""

from __future__ import annotations

import re
import struct
import zlib

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import FrameFormat

OF_DAMAGE = (EOFError, IndexError, struct.error, zlib.error)
"""The errors that Pillow raises, or wraps, where a file ends too early or its compressed data are
wrong."""
WORDS_OF_DAMAGE = re.compile(
    r"truncated|broken|corrupt|checksum|unrecognized data stream|not enough|buffer overrun|"
    r"no marker|bad quantization|could not (create|decode)|failed to (read|decode)|not a WEBP",
    re.IGNORECASE,
)
"""Words by which Pillow says that a file is damaged. Other reasons are about the kind of a file."""
PLAINER = {
    "not identified by this driver": "its header says that it has no pixels, or none that are known"
}
"""Messages of Pillow, and what each means here."""


def undecodable(
    file_format: FrameFormat, error: Exception, *, kind_is_rare: bool = False
) -> InvalidFrame:
    """What a decoder raised, as the client should read it.

    For files of a rare kind the decoder's general error says nothing about damage.
    """
    why = PLAINER.get(str(error), str(error)) or type(error).__name__
    name = file_format.value.upper()
    by_class = isinstance(error, OF_DAMAGE) or isinstance(error.__cause__, OF_DAMAGE)
    damaged = by_class or WORDS_OF_DAMAGE.search(why)
    if damaged and not (kind_is_rare and "truncated" not in why):
        return InvalidFrame(f"the {name} is damaged: {why}", InvalidReason.DAMAGED)
    return InvalidFrame(
        f"the {name} cannot be decoded: {why}; send it as a JPEG or PNG", InvalidReason.UNSUPPORTED
    )
