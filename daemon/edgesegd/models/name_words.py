"""Finds words in the names of tensors, as graphs write them."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def first_word(name: str, wanted: Collection[str], but_not: Collection[str] = ()) -> str:
    """The first word of `wanted` in a name, "" if there is none.

    Words may be joined by any character, or begin with a capital. A text of `wanted` may be two
    words that follow each other. A word that begins one of the pairs of words in `but_not` does not
    count, and neither does one that ends it.
    """
    words: list[str] = [each.lower() for each in _WORD.findall(name)]
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    excluded = {at for at, pair in enumerate(pairs) if pair in but_not}
    excluded |= {at + 1 for at in excluded}
    for at, word in enumerate(words):
        if at in excluded:
            continue
        if word in wanted:
            return word
        if at < len(pairs) and pairs[at] in wanted:
            return pairs[at]
    return ""
