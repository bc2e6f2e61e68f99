"""Finds the pictures that the arguments name, and chooses names for their results."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from edgeseg_client.cli.exit_codes import UsageError

_SUFFIXES: Final = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}


def find_pictures(arguments: Iterable[str]) -> list[Path]:
    """The pictures in the order of the arguments, without duplicates.

    An argument is a file, a folder or a pattern; the pictures of a folder, and the files that a
    pattern matches, are sorted by name. Raises `UsageError` if a folder has no picture or a pattern
    matches nothing. A file that does not exist is returned too; reading it will fail.
    """
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found += _pictures_in(path)
        elif glob.has_magic(argument) and not path.exists():
            matches = sorted(Path(match) for match in glob.glob(argument, recursive=True))  # noqa: PTH207  # the pattern may be absolute
            if not matches:
                raise UsageError(f"nothing matches {argument!r}")
            found += matches
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def name_results(pictures: Sequence[Path]) -> list[str]:
    """A name for the results of each picture: its own without the suffix.

    If that is taken, a number is appended. No two names are equal when case is ignored.
    """
    taken: set[str] = set()
    names: list[str] = []
    for picture in pictures:
        name, number = picture.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{picture.stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _pictures_in(folder: Path) -> list[Path]:
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not pictures:
        kinds = ", ".join(sorted(_SUFFIXES))
        raise UsageError(f"there is no picture in {folder} ({kinds})")
    return pictures
