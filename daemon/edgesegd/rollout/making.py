"""Makes the manifest of a folder of models."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from edgesegd.core.errors import ConfigError, ModelMissing, ReleaseRefused
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.models.catalogue.repository import HELD, VERSIONED
from edgesegd.models.file_bytes import MAX_MODEL_BYTES
from edgesegd.rollout.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NAME,
    Manifest,
    ReleasedFile,
    ReleasedModel,
    content_of,
    read_manifest,
    write_manifest,
)

SHORT_DIGEST = 12


def make_manifest(folder: Path, *, serial: int | None, percent: float, release: str) -> bytes:
    """The bytes of a manifest with the highest version of each model in `folder`.

    Without a `serial` it is one more than that of the manifest that is there, or 1; without a
    `release` it is called by its content. Raises ConfigError for what cannot be part of a release,
    and ModelMissing if the folder has no NAME/VERSION/model.tflite.
    """
    models = tuple(_newest(entry) for entry in _entries(folder) if _has_versions(entry))
    if not models:
        raise ModelMissing(f"{folder} has no NAME/VERSION/{VERSIONED}")
    before = manifest_in(folder)
    if serial is None:
        serial = before.serial + 1 if before else 1
    name = release or content_of(models)[:SHORT_DIGEST]
    try:
        return write_manifest(models, serial=serial, percent=percent, release=name)
    except ReleaseRefused as error:
        raise ConfigError(str(error)) from None


def manifest_in(folder: Path) -> Manifest | None:
    """The manifest that is in the folder, None if there is none; raises ConfigError."""
    path = folder / MANIFEST
    try:
        return read_manifest(read_regular_file(path, MAX_MANIFEST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ReleaseRefused) as error:
        why = say_why(error) if isinstance(error, OSError) else error
        raise ConfigError(f"{path} cannot be read ({why}); delete it and give --serial") from None


def _newest(folder: Path) -> ReleasedModel:
    versions = [int(entry.name) for entry in _versions(folder)]
    version = max(versions)
    if not NAME.fullmatch(folder.name):
        raise ConfigError(
            f"{folder.name!r} cannot be the name of a model in a release: it has 1 to 100 letters, "
            "digits, dots, dashes and underscores, and begins with a letter or a digit"
        )
    place = next(entry for entry in _versions(folder) if int(entry.name) == version)
    if place.name != str(version):
        raise ConfigError(f"{place}: a version is written without zeros before it: {version}")
    for entry in (folder, place):
        if entry.is_symlink():
            raise ConfigError(
                f"{entry} is a link, which boards do not follow, so it cannot be part of a release"
            )
    files = tuple(_file(entry) for entry in _entries(place) if entry.name != HELD)
    return ReleasedModel(folder.name, version, files)


def _file(path: Path) -> ReleasedFile:
    if path.is_symlink() or not path.is_file():
        raise ConfigError(f"{path} is not a regular file, so it cannot be part of a release")
    try:
        data = read_regular_file(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {say_why(error)}") from None
    return ReleasedFile(path.name, len(data), sha256(data).hexdigest())


def _has_versions(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.is_dir() and bool(_versions(folder))


def _versions(folder: Path) -> list[Path]:
    return [
        entry
        for entry in _entries(folder)
        if entry.name.isdecimal() and entry.name.isascii() and (entry / VERSIONED).is_file()
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {say_why(error)}") from None
