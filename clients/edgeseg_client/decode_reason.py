"""Says why Pillow could not decode a picture."""

from __future__ import annotations

from PIL import UnidentifiedImageError


def reason_of(error: Exception) -> str:
    """What Pillow raised, in one line; of a file that it does not know it names only an object."""
    if isinstance(error, UnidentifiedImageError):
        return "its header is damaged, or it is of a kind that Pillow does not know"
    return " ".join(str(error).split()) or type(error).__name__
