"""The entries of a recording: a line of JSON, then as many bytes as it says."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from edgeseg_client.errors import WrongSource

log = logging.getLogger(__name__)

FIRST_LINE: Final = b'{"format": "edgeseg recording 1"}\n'
_MAX_LINE: Final = 1 << 20
_MAX_MESSAGE: Final = 1 << 31
"""Bytes of a message of Protocol Buffers, at most."""
_MAX_TIME: Final = 1e10
"""Seconds, three hundred years."""
_Value = TypeVar("_Value")


class Fields:
    """The fields of an entry's line, or of an object in it; raises `ValueError` for what is not."""

    def __init__(self, values: object) -> None:
        if not isinstance(values, dict):
            raise ValueError("it is not an object of JSON")  # noqa: TRY004 # one error for damage
        self._values: dict[str, Any] = values

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def get(self, key: str, kind: type[_Value]) -> _Value:
        """A field of exactly that type."""
        return of_kind(self._values.get(key), kind, key)

    def whole(self, key: str) -> int:
        """A whole number, from 0 to what 63 bits hold."""
        return whole_number(self._values.get(key), key)

    def seconds(self, key: str) -> float:
        """A number of seconds, not negative."""
        if (number := self.position(key)) < 0:
            raise ValueError(f"{key} is {number}")
        return number

    def position(self, key: str) -> float:
        """A number of seconds; a video may begin before its zero."""
        value: Any = self._values.get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) < _MAX_TIME:  # which leaves NaN out, too
            raise ValueError(f"{key} is {_shown(value)}")
        return float(value)

    def items(self, key: str, count: int | None = None) -> list[Any]:
        """A list, of that many items unless it is None."""
        found = self.get(key, list)
        if count is not None and len(found) != count:
            raise ValueError(f"{key} is {_shown(found)}")
        return found

    def within(self, key: str) -> Fields:
        """The fields of an object."""
        return Fields(self._values.get(key))

    def names(self) -> set[str]:
        """The names of all fields."""
        return set(self._values)


def of_kind(value: object, kind: type[_Value], what: str) -> _Value:
    """The value; raises `ValueError` if it is not of exactly that type."""
    if type(value) is not kind:
        raise ValueError(f"{what} is {_shown(value)}")
    return value


def whole_number(value: object, what: str) -> int:
    """The value; raises `ValueError` if it is no whole number from 0 to what 63 bits hold."""
    number = of_kind(value, int, what)
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{what} is {_shown(value)}")
    return number


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a recording."""

    number: int
    """Its position, from 1."""
    line: Fields
    """Its line."""
    sent: bytes
    """The frame as a message; empty if there is none."""
    labels: bytes
    """The labels as a PNG; empty if there are none."""


def read_entries(path: Path, *, with_bytes: bool = True) -> Iterator[Entry]:
    """The whole entries of a recording; without their bytes if these are not wanted.

    If it was cut off, that is logged as a warning, but not without the bytes. Raises `WrongSource`
    for another file, and for an entry that is damaged.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise WrongSource(f"{path} cannot be read: {error.strerror}") from error
    with file:
        if not file.seekable():
            raise WrongSource(f"{path} is a pipe; a recording is read twice, so save it to a file")
        if file.readline(len(FIRST_LINE)) != FIRST_LINE:
            raise WrongSource(f"{path} is no recording that `edgeseg stream --record` wrote")
        number = 1
        while text := file.readline(_MAX_LINE):
            try:
                entry = _read_entry(file, text, number, with_bytes=with_bytes)
            except (ValueError, RecursionError) as error:
                raise damaged(path, number, error) from error
            if entry is None:
                if with_bytes:
                    log.warning(
                        "%s was cut off in entry %d; it is read up to the one before", path, number
                    )
                return
            yield entry
            number += 1


def damaged(path: Path, number: int, error: Exception) -> WrongSource:
    """The error for an entry that is not what a recording has."""
    return WrongSource(f"{path} is damaged: entry {number}: {error}")


def _read_entry(file: IO[bytes], text: bytes, number: int, *, with_bytes: bool) -> Entry | None:
    """The entry that begins with this line; None if the file is cut off in it."""
    if not text.endswith(b"\n"):
        if len(text) == _MAX_LINE:
            raise ValueError("its line does not end")
        return None
    line = Fields(json.loads(text))
    sizes = [whole_number(size, "bytes") for size in line.items("bytes", 2)]
    if max(sizes) >= _MAX_MESSAGE:
        raise ValueError(f"bytes is {_shown(sizes)}")
    at, end = file.tell(), os.fstat(file.fileno()).st_size
    if at + sum(sizes) > end:
        return None
    if not with_bytes:
        file.seek(at + sum(sizes), io.SEEK_SET)
        return Entry(number, line, b"", b"")
    sent, labels = (file.read(size) for size in sizes)
    return None if [len(sent), len(labels)] != sizes else Entry(number, line, sent, labels)


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 60 else f"{text[:60]}…"
