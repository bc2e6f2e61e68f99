"""Fetches a published model into the data folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from edgesegd.core.errors import DownloadFailed, ModelMissing
from edgesegd.files.replacing import replacing
from edgesegd.models.catalogue.checked_copy import copy_checked
from edgesegd.models.catalogue.download_source import read_source
from edgesegd.models.catalogue.store import stored_path
from edgesegd.models.published import Download, downloads

Progress = Callable[[int, int], None]
"""Is called with the bytes received so far, and the total."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A published model in the data folder; `is_new` is False if it was already there."""

    path: Path
    is_new: bool


def pull(
    name: str,
    data_dir: Path,
    *,
    source: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Pulled:
    """Fetch a published model into the data folder, from its published address or from `source`.

    Raises `ModelMissing` for a name that is not published, and `DownloadFailed` like `fetch`.
    """
    return fetch(_find(name), stored_path(name, data_dir), source=source, progress=progress)


def fetch(
    wanted: Download,
    path: Path,
    *,
    source: str | None = None,
    progress: Progress = lambda _done, _total: None,
    timeout_s: float = 30.0,
) -> Pulled:
    """Fetch a published file to `path`; `source` is another address, or a path, to use instead.

    The file is only kept if it has the published SHA-256. It appears at `path` atomically, and a
    failed try leaves nothing. `timeout_s` is the longest time without data. Raises
    `DownloadFailed`.
    """
    try:
        if _is_there(path, wanted):
            return Pulled(path, is_new=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            _copy(source or wanted.url, file, wanted, progress, timeout_s)
    except OSError as fault:
        raise DownloadFailed(
            f"{path} cannot be written ({fault.strerror or fault}); EDGESEG_DATA_DIR may name "
            "another folder"
        ) from fault
    return Pulled(path, is_new=True)


def _find(name: str) -> Download:
    known = downloads()
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
    raise ModelMissing(f"no model called {name} can be pulled; {hint}")


def _is_there(path: Path, wanted: Download) -> bool:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == wanted.sha256
    except FileNotFoundError:
        return False


def _copy(
    source: str, file: BinaryIO, wanted: Download, progress: Progress, timeout_s: float
) -> None:
    """Copy the source to the file; raises `DownloadFailed` if it is not the published file."""
    progress(0, wanted.size)
    with closing(read_source(source, timeout_s)) as chunks:
        copy_checked(
            chunks,
            file,
            source=source,
            name=wanted.name,
            size=wanted.size,
            digest=wanted.sha256,
            progress=lambda done: progress(done, wanted.size),
        )
