"""Text that may hold names of files or sources, as the body of a response."""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text in which a byte of a name that is not UTF-8 is written out, such as udcff."""
    return text.encode(errors="backslashreplace").decode()
