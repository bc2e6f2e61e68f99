"""Finds the file that the dynamic linker would load, to see whether a library has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

LINKER_CONFIG = Path("/etc/ld.so.conf")
DEFAULT_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64")


def locate_library(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file of a library, given as a path or a bare name; None if there is none.

    Searches the folders that ld.so(8) searches on Linux, but does not read its cache.
    """
    if "/" in name:
        return Path(name) if Path(name).is_file() else None
    folders = filter(None, environ.get("LD_LIBRARY_PATH", "").split(":"))
    for folder in (*folders, *_configured(LINKER_CONFIG), *DEFAULT_FOLDERS):
        file = Path(folder) / name
        if file.is_file():
            return file
    return None


def _configured(config: Path) -> Iterator[str]:
    """The folders that ld.so.conf(5) lists, including those of included files."""
    try:
        lines = config.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("include "):
            pattern = text.removeprefix("include ").strip()
            for included in sorted(Path("/").glob(pattern.removeprefix("/"))):
                yield from _configured(included)
        elif text:
            yield text
