"""The folders of versions in a daemon's folder of models, put there as a whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable
from enum import Enum
from hashlib import file_digest
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.replacing import sync_folder
from edgesegd.models.catalogue.repository import HELD
from edgesegd.models.names import SUFFIX
from edgesegd.rollout.manifest import ReleasedFile, ReleasedModel

OWN: Final = ".rollout"
"""What this keeps in the folder of models; daemons look into no folder with such a name."""
_NEW, _OLD = "new", "old"
FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644
"""For the daemon, which may be another user; the folder of models itself says who may look."""


class Found(Enum):
    """What is in the place of a version."""

    NOTHING = "nothing"
    SAME = "the same files"
    OTHER = "other files"


class VersionFolders:
    """The versions of models in `folder`.

    A new version is built in a folder that daemons do not see, and then renamed to its place, where
    it is *held*: served if it is named, but never as the highest version. All methods raise OSError
    if the file system refuses something.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / OWN

    def make_own(self) -> None:
        """Make the folder for what this keeps."""
        _make_folder(self.own)

    def clear_old(self) -> None:
        """Remove versions that were moved away."""
        self._clear(_OLD)

    def path(self, name: str, version: int) -> Path:
        """The place of a version."""
        return self.folder / name / str(version)

    def require_free(self, model: ReleasedModel) -> None:
        """Raise ConfigError if something else is where the model's folder must be."""
        for path in (self.folder / model.name, self.path(model.name, model.version)):
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise ConfigError(f"{path} is in the way: it must be a folder, and no link to one")
        plain = self.folder / f"{model.name}{SUFFIX}"
        if plain.exists():
            raise ConfigError(
                f"{plain} is a model of the same name; move it to {self.folder / model.name}/1/"
                f"model{SUFFIX}, so that a release can replace it"
            )

    def find(self, model: ReleasedModel) -> Found:
        """What is in the place of this version; all files are read for that."""
        place = self.path(model.name, model.version)
        if not place.is_dir():
            return Found.NOTHING
        names = {entry.name for entry in place.iterdir()} - {HELD}
        files = {file.name for file in model.files}
        same = names == files and all(is_there(place / each.name, each) for each in model.files)
        return Found.SAME if same else Found.OTHER

    def is_held(self, name: str, version: int) -> bool:
        """Whether the version is only served if it is named."""
        return (self.path(name, version) / HELD).exists()

    def hold(self, name: str, version: int) -> None:
        """Let the version be served only if it is named."""
        (self.path(name, version) / HELD).touch(mode=FILE_MODE)
        sync_folder(self.path(name, version))

    def release(self, name: str, version: int) -> None:
        """Let the version be served if it is the highest."""
        (self.path(name, version) / HELD).unlink(missing_ok=True)
        sync_folder(self.path(name, version))

    def versions(self, name: str) -> list[int]:
        """The versions that are there and not held, lowest first."""
        folder = self.folder / name
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        numbers = {int(each) for each in names if each.isdecimal() and each.isascii()}
        return sorted(each for each in numbers if not self.is_held(name, each))

    def building_place(self, model: ReleasedModel) -> Path:
        """The folder for the files of a version that is not complete; it is made."""
        place = self.own / _NEW / model.name / str(model.version)
        for folder in (place.parents[1], place.parent, place):
            _make_folder(folder)
        return place

    def forget_others(self, models: Iterable[ReleasedModel]) -> None:
        """Remove what arrived of versions that are not among these."""
        wanted = {(model.name, str(model.version)) for model in models}
        for version in (self.own / _NEW).glob("*/*"):
            if (version.parent.name, version.name) not in wanted:
                _remove(version)

    def put(self, model: ReleasedModel) -> None:
        """Put a version, whose files are all in its building place, into its place; it is held."""
        new, place = self.building_place(model), self.path(model.name, model.version)
        for entry in new.iterdir():  # of another release with this version
            if entry.name not in {file.name for file in model.files}:
                _remove(entry)
        (new / HELD).touch(mode=FILE_MODE)
        sync_folder(new)
        _make_folder(place.parent)
        if place.exists():
            self._move_away(place)
        new.rename(place)
        sync_folder(place.parent)
        self.clear_old()

    def remove(self, name: str, version: int) -> None:
        """Remove a version at once, as seen by daemons."""
        place = self.path(name, version)
        if place.is_dir():
            self._move_away(place)
            sync_folder(place.parent)
            self.clear_old()
        with contextlib.suppress(OSError):  # it has other versions
            place.parent.rmdir()

    def clear(self) -> None:
        """Remove all that is not in its place."""
        self._clear(_NEW)
        self.clear_old()

    def _move_away(self, place: Path) -> None:
        _make_folder(self.own / _OLD)
        place.rename(self.own / _OLD / secrets.token_hex(8))

    def _clear(self, name: str) -> None:
        if (self.own / name).is_dir():
            _remove(self.own / name)


def is_there(path: Path, wanted: ReleasedFile) -> bool:
    """Whether the file at `path` has the content of this one; raises OSError."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != wanted.size:
        return False
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == wanted.sha256


def _make_folder(path: Path) -> None:
    """Make a folder that all may enter, whatever the process's mask is."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(FOLDER_MODE)
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
