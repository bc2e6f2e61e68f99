"""Sections of a TOML file, read with errors that say what is expected."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why

_MAX_TEXT_BYTES: Final = 1 << 20
_MAX_NUMBER: Final = 1 << 31


class TomlSection:
    """One section `[name]` of a file; every getter returns None if the key is absent.

    They raise `ConfigError` if the value is not as expected.
    """

    def __init__(self, file: Path, name: str, values: Mapping[str, object]) -> None:
        self._file = file
        self._name = name
        self._values = values

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def fault(self, key: str, expected: str) -> ConfigError:
        """The error for a key whose value is not as expected."""
        try:
            found = repr(self._values[key]) if key in self._values else "left out"
        except ValueError:  # an integer with thousands of digits
            found = "a number of too many digits"
        if len(found) > 60:
            found = f"{found[:57]}..."
        return ConfigError(f"{self._file}: {self._name}.{key} must be {expected}; it is {found}")

    def integer(self, key: str, *, at_least: int) -> int | None:
        """A whole number."""
        if not self.has(key):
            return None
        value = self._values[key]
        if type(value) is not int or not at_least <= value <= _MAX_NUMBER:
            raise self.fault(key, f"a whole number from {at_least} on")
        return value

    def number(self, key: str, *, at_least: float, at_most: float) -> float | None:
        """A number within two bounds."""
        if not self.has(key):
            return None
        value = _as_number(self._values[key])
        if value is None or not at_least <= value <= at_most:
            raise self.fault(key, f"a number from {at_least} to {at_most}")
        return value

    def numbers(self, key: str, expected: str) -> tuple[float, ...] | None:
        """One number or a list of numbers."""
        if not self.has(key):
            return None
        value = self._values[key]
        found = [_as_number(each) for each in (value if isinstance(value, list) else [value])]
        if None in found:
            raise self.fault(key, expected)
        return tuple(each for each in found if each is not None)

    def text(self, key: str, expected: str) -> str | None:
        """A string that is not empty."""
        if not self.has(key):
            return None
        value = self._values[key]
        if not isinstance(value, str) or not value:
            raise self.fault(key, expected)
        return value

    def items(self, key: str, expected: str) -> list[object] | None:
        """A list that is not empty."""
        if not self.has(key):
            return None
        value = self._values[key]
        if not isinstance(value, list) or not value:
            raise self.fault(key, expected)
        return value

    def path(self, key: str) -> Path | None:
        """A path, relative to the file's folder."""
        text = self.text(key, "the name of a file")
        if text is not None and "\0" in text:
            raise self.fault(key, "the name of a file, which has no NUL in it")
        return None if text is None else self._file.parent / text


def load_sections(file: Path, keys: Mapping[str, Collection[str]]) -> dict[str, TomlSection]:
    """All sections in `keys`; those that the file does not have are empty.

    Raises `ConfigError` for a file that is not TOML, and for a section or key that is not in
    `keys`, with a similar name as a hint.
    """
    try:
        document = tomllib.loads(read_small_text(file))
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"{file} is not valid TOML: {fault}") from fault
    _refuse_unknown(file, "", document, keys)
    for name, values in document.items():
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {name} must be a section, [{name}]")
        _refuse_unknown(file, f"{name}.", values, keys[name])
    return {name: TomlSection(file, name, document.get(name, {})) for name in keys}


def read_small_text(file: Path) -> str:
    """The text of a file of at most 1 MiB; raises `ConfigError` if it cannot be read."""
    try:
        content = read_regular_file(file, _MAX_TEXT_BYTES)
    except OSError as fault:
        raise ConfigError(f"{file} cannot be read: {say_why(fault)}") from fault
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{file} is not UTF-8 text: {fault}") from fault


def _refuse_unknown(
    file: Path, prefix: str, found: Collection[str], known: Collection[str]
) -> None:
    for key in found:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(known)}"
            raise ConfigError(f"{file}: there is no {prefix}{key}; {hint}")


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
