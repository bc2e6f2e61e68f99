"""Fetches a release: its manifest, and the files that are not there yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from edgesegd.core.errors import ConfigError, DownloadFailed, ReleaseRefused
from edgesegd.files.regular import say_why
from edgesegd.files.replacing import replacing
from edgesegd.models.catalogue.checked_copy import copy_checked
from edgesegd.rollout.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    Manifest,
    ReleasedModel,
    read_manifest,
)
from edgesegd.rollout.signature import PublicKey, require_signature
from edgesegd.rollout.source import Source
from edgesegd.rollout.version_folders import FILE_MODE, VersionFolders, is_there

MAX_SIGNATURE_BYTES = 1 << 12
SPARE_BYTES = 16 << 20
"""What must stay free in the file system besides the files."""

Progress = Callable[[int, int], None]
"""Is called with the bytes fetched so far, and the total."""


def fetch_manifest(source: Source, keys: Sequence[PublicKey]) -> Manifest:
    """The manifest, signed by one of the keys; without keys, any one.

    Raises DownloadFailed; ReleaseRefused if its signature or its content is not right; ConfigError
    if there are no keys, and others could have changed it on its way.
    """
    if not keys and source.is_plain_http:
        raise ConfigError("a release that is not signed does not come from http://; use https://")
    data = _small(source, MANIFEST, MAX_MANIFEST_BYTES)
    if keys:
        require_signature(data, _small(source, SIGNATURE, MAX_SIGNATURE_BYTES), keys)
    return read_manifest(data)


def fetch_models(
    source: Source,
    models: Sequence[ReleasedModel],
    folders: VersionFolders,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Fetch all files of these models into their building places, but those that are there.

    So what a killed process had fetched is not fetched again. Raises DownloadFailed, and OSError if
    a file cannot be written.
    """
    files = [
        (folders.building_place(model) / file.name, model.path_of(file), file)
        for model in models
        for file in model.files
    ]
    wanted = [each for each in files if not is_there(each[0], each[2])]
    total, done = sum(file.size for _, _, file in wanted), 0
    _require_space(folders.own, total)
    for place, path, file in wanted:
        with replacing(place) as written, closing(source.read(path)) as chunks:
            os.fchmod(written.fileno(), FILE_MODE)
            copy_checked(
                chunks,
                written,
                source=source.where(path),
                name=f"the file in the {MANIFEST}",
                size=file.size,
                digest=file.sha256,
                progress=partial(_report, progress, done, total),
            )
        done += file.size


def _report(progress: Progress, before: int, total: int, now: int) -> None:
    progress(before + now, total)


def why_not_written(folder: Path, error: OSError) -> DownloadFailed:
    """The error for a file system that refused to store a release in `folder`."""
    does = f"moved to {error.filename2}" if error.filename2 else "written"
    return DownloadFailed(f"{error.filename or folder} cannot be {does}: {say_why(error)}")


def _small(source: Source, path: str, largest: int) -> bytes:
    data = b""
    with closing(source.read(path)) as chunks:
        for chunk in chunks:
            data += chunk
            if len(data) > largest:
                raise ReleaseRefused(f"{source.where(path)} is larger than {largest >> 10} KiB")
    return data


def _require_space(folder: Path, size: int) -> None:
    system = os.statvfs(folder)
    free = system.f_bavail * system.f_frsize
    if size + SPARE_BYTES > free:
        raise DownloadFailed(
            f"{folder} has {free >> 20} MiB free, and the release needs "
            f"{(size + SPARE_BYTES) >> 20} MiB"
        )
