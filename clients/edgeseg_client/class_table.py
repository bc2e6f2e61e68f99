"""Finds classes by name or id."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from operator import index
from typing import Final

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.info import ClassInfo

NO_CLASS: Final = 255
"""The label of pixels that have no class, or one that was not wanted."""
MAX_ID: Final = NO_CLASS - 1
"""The largest id of a class."""


def find_classes(wanted: int | str, known: Sequence[ClassInfo]) -> list[int]:
    """The ids of the class with that id or name; several if classes have the same name.

    Names are compared without regard to case. Raises `InvalidRequest` for a name that no class has,
    and lists those that there are.
    """
    if not isinstance(wanted, str):
        if not 0 <= (id_ := index(wanted)) <= MAX_ID:
            raise InvalidRequest(f"ids of classes are 0 to {MAX_ID}, not {wanted}")
        return [id_]
    found = [one.id for one in known if one.name.casefold() == wanted.casefold()]
    if not found:
        names = [one.name for one in known]
        close = difflib.get_close_matches(wanted, names, n=1)
        guess = f"did you mean {close[0]!r}? " if close else ""
        raise InvalidRequest(
            f"the model has no class {wanted!r}; {guess}it has: {', '.join(names)}"
        )
    return found
