"""Finds pictures in folders and by patterns."""

from __future__ import annotations

import glob
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from edgeseg_client.errors import WrongSource
from edgeseg_client.picture_file import can_decode

log = logging.getLogger(__name__)

RESULT_ENDINGS: Final = (".labels.png", ".overlay.png")
"""How the files that are written for a picture end."""
SUFFIXES: Final = {
    *(".bmp", ".png", ".webp"),
    *(".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),  # all of them JPEG
}
_HEIF_SUFFIXES: Final = {".avif": "AVIF", ".heic": "HEIC", ".heif": "HEIC"}
_OTHER_SUFFIXES: Final = {
    *(".gif", ".tif", ".tiff", ".jxl", ".jp2", ".j2k", ".jpx", ".psd", ".svg", ".tga", ".ico"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".exr", ".hdr", ".qoi"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),  # of cameras
}
"""Pictures that nothing here decodes."""
_MAX_ENDINGS: Final = 5
_PLUGINS: Final = {"AVIF": "pillow-avif-plugin", "HEIC": "pillow-heif"}


def find_pictures(arguments: Iterable[str]) -> list[Path]:
    """The pictures in the order of the arguments, without duplicates.

    An argument is a file, a folder or a pattern; the pictures of a folder, and the files that a
    pattern matches, are sorted by name. Only regular files are taken of them, because reading a
    pipe may never end. What of them is left out is logged as a warning. Raises `WrongSource` if a
    folder has no picture or a pattern matches nothing. A file that does not exist is returned too;
    reading it will fail.
    """
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found += _pictures_in(path)
        elif glob.has_magic(argument) and not path.exists():
            matches = sorted(Path(match) for match in glob.glob(argument, recursive=True))  # noqa: PTH207  # the pattern may be absolute
            if not matches:
                raise WrongSource(f"nothing matches {argument!r}")
            regular = [match for match in matches if match.is_file()]
            if others := [match for match in matches if not match.is_file()]:
                log.warning(
                    "%s: left out, for they are not regular files: %s", argument, _count(others)
                )
            if not regular:
                raise WrongSource(f"{argument!r} matches no regular file")
            found += regular
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def check_names(pictures: Iterable[Path]) -> None:
    """Raises `WrongSource` if the results of two pictures would replace each other.

    They are called after the picture's file, so that they are the same in every call. Case is
    ignored, as some file systems do.
    """
    taken: dict[str, Path] = {}
    for picture in pictures:
        other = taken.setdefault(picture.name.casefold(), picture)
        if other != picture:
            raise WrongSource(
                f"the results of {other} and {picture} would have the same names; segment them in"
                " two calls, into different folders"
            )


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder; logs how many of what else it has, and why they are left out."""
    decoded = {suffix for suffix, kind in _HEIF_SUFFIXES.items() if can_decode(kind)}
    entries = sorted(folder.iterdir())
    files = [path for path in entries if path.is_file()]
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES | decoded]
    results = [path for path in pictures if path.name.lower().endswith(RESULT_ENDINGS)]
    if results:
        log.warning("%s: left out, for they are results of edgeseg: %s", folder, _count(results))
        pictures = [path for path in pictures if path not in set(results)]
    left = [path for path in entries if path not in {*pictures, *results}]
    for kind, plugin in _PLUGINS.items():
        needs = {suffix for suffix, own in _HEIF_SUFFIXES.items() if own == kind}
        reason = f"{kind} needs a plugin of Pillow (pip install {plugin})"
        left = _leave_out(folder, left, needs, reason)
    left = _leave_out(
        folder, left, _OTHER_SUFFIXES, "they are not decoded; convert them to JPEG or PNG"
    )
    if left:
        log.warning("%s: left out, for they are not pictures: %s", folder, _count(left))
    if not pictures:
        kinds = ", ".join(sorted(SUFFIXES | decoded))
        raise WrongSource(f"there is no picture in {folder} ({kinds})")
    return pictures


def _leave_out(folder: Path, left: list[Path], suffixes: set[str], reason: str) -> list[Path]:
    """Logs how many files have these endings; returns what else is left."""
    chosen = [path for path in left if path.suffix.lower() in suffixes and path.is_file()]
    if chosen:
        log.warning("%s: left out, for %s: %s", folder, reason, _count(chosen))
    return [path for path in left if path not in set(chosen)]


def _count(left_out: Sequence[Path]) -> str:
    """How many files and folders, and which endings they have, the most frequent first."""
    files = [path for path in left_out if path.is_file()]
    folders = sum(path.is_dir() for path in left_out)
    others = len(left_out) - len(files) - folders
    endings = Counter(path.suffix.lower() or "without an ending" for path in files)
    shown = ", ".join(ending for ending, _ in endings.most_common(_MAX_ENDINGS))
    more = ", …" if len(endings) > _MAX_ENDINGS else ""
    parts = [f"{len(files)} {'file' if len(files) == 1 else 'files'} ({shown}{more})"] * bool(files)
    parts += [f"{folders} {'folder' if folders == 1 else 'folders'}"] * bool(folders)
    parts += [f"{others} of another kind (pipes, sockets, devices, broken links)"] * bool(others)
    return " and ".join(parts)
