"""Opens what `edgeseg mqtt` is to watch, with the names that users see."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeseg_client.sources import Source, open_source

_NAMED: Final = re.compile(r"(?P<name>[^=/:?]+)=(?P<address>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """A source as it was given; `name` is for people and may have spaces.

    `rounds` is how often files are played, 0 for endlessly; `size` is that of a camera's pictures.
    """

    name: str
    address: str
    rounds: int
    size: tuple[int, int] | None

    def open(self) -> Source:
        """A new source; a camera that is not there is waited for.

        Raises `WrongSource` if it is nothing that can be read, `UsageError` for a folder without
        pictures.
        """
        return open_source(
            self.address,
            name=self.name,
            realtime=True,
            rounds=self.rounds,
            size=self.size,
            wait=math.inf,
        )


def is_utf8(argument: str) -> bool:
    """Whether it can be sent: Python reads other bytes of a command line as lone surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def choose_source(text: str, *, rounds: int, size: tuple[int, int] | None) -> SourceChoice:
    """The source of `NAME=ADDRESS`, or of an address, whose own name is taken.

    Raises what `SourceChoice.open` raises.
    """
    name, address = "", text
    if not Path(text).exists() and (named := _NAMED.fullmatch(text)):
        name, address = named["name"].strip(), named["address"]
    opened = SourceChoice(name, address, rounds, size).open()
    opened.close()
    return SourceChoice(opened.name, address, rounds, size)
