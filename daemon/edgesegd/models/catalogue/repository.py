"""The models of a daemon: those named on the command line, and those in a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError, ModelMissing
from edgesegd.files.regular import say_why
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.compiled import COMPILED
from edgesegd.models.names import SUFFIX, as_text, given_name, name_of_file
from edgesegd.models.pair import ModelPair, find_pair
from edgesegd.models.reading import read_model

log = logging.getLogger(__name__)

VERSIONED: Final = "model.tflite"
"""The name of the file in the folder of a version, as for Triton and TensorFlow Serving."""
HELD: Final = "held"
"""A version with a file of this name in its folder is served only if it is named."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A file, the name of its model ("" for the file's own name), and the number of its version."""

    path: Path
    name: str = ""
    version: str = ""

    @property
    def served_as(self) -> str:
        """The model's name."""
        return self.name or name_of_file(self.path)

    def read(self) -> ModelPair:
        """Read the model and its pair; raises the errors of `read_model` and `find_pair`."""
        return find_pair(read_model(self.path, self.served_as, self.version))


def parse_source(text: str, data_dir: Path) -> ModelSource:
    """The source for `--model`: NAME=SOURCE or SOURCE, a file or a name in the data folder.

    Raises ModelMissing, or ConfigError for a name that is not valid.
    """
    name, equals, source = text.partition("=")
    if not equals or "/" in name:
        return ModelSource(resolve_model(text, data_dir))
    if not source:
        raise ConfigError(f"--model {text} names no file: NAME=MODEL")
    return ModelSource(resolve_model(source, data_dir), given_name(name))


class ModelRepository:
    """The models that are `given` one by one, and those in `folder`, None for no folder.

    In the folder a model is NAME.tflite, or NAME/VERSION/model.tflite, where versions are whole
    numbers and the highest that is not held is the newest. A file compiled for an Edge TPU belongs
    to the plain file in the same folder. Nothing is cached: every method reads the folder again.
    """

    def __init__(self, given: Sequence[ModelSource], folder: Path | None) -> None:
        self._given = given
        self._folder = folder

    def sources(self) -> tuple[ModelSource, ...]:
        """The newest version of each model; those in the folder are sorted by name.

        Raises ConfigError if the folder cannot be read, or if two models have the same name.
        """
        sources = (*self._given, *self._in_folder())
        by_name: dict[str, ModelSource] = {}
        for source in sources:
            if (other := by_name.setdefault(source.served_as, source)) is not source:
                raise ConfigError(
                    f"two models are called {source.served_as}: {other.path} and {source.path}; "
                    "give one of them another name with --model NAME=PATH"
                )
        return sources

    def find(self, name: str, version: str = "") -> ModelSource:
        """The source of a model, in the given version or the newest; raises ModelMissing."""
        for source in (*self._given, *self._in_folder()):
            if source.served_as == name and version in ("", source.version):
                return source
        try:
            versions = self._versions_of(name)
        except OSError:  # such as a name that is too long for a folder
            versions = {}
        if version in versions:
            return versions[version]
        if version:
            there_are = f"; there are {', '.join(versions)}" if versions else ""
            raise ModelMissing(f"there is no version {version} of the model {name}{there_are}")
        where = f" in {self._folder}" if self._folder else ""
        raise ModelMissing(f"there is no model {name}{where}; name its file: {name}=PATH")

    def newest(self, name: str) -> tuple[ModelSource, ...]:
        """The sources of that name in `sources`; none if the folder cannot be read."""
        try:
            return tuple(source for source in self.sources() if source.served_as == name)
        except ConfigError:
            return ()

    def older(self, source: ModelSource) -> tuple[ModelSource, ...]:
        """The versions of the same model that are older, the newest of them first."""
        versions = self._not_held(source.name)
        before = [each for each in versions if int(each.version) < int(source.version or 0)]
        return tuple(reversed(before))

    def state(self) -> object:
        """A value that stays equal as long as no file in the folder changes; raises ConfigError."""
        found = []
        for entry in [] if self._folder is None else _entries(self._folder):
            for path in (entry, *entry.glob("*"), *entry.glob("*/*")):
                try:
                    status = path.stat()
                except OSError:
                    continue
                found.append((path, status.st_ino, status.st_size, status.st_mtime_ns))
        return found

    def _in_folder(self) -> Iterator[ModelSource]:
        for entry in [] if self._folder is None else _entries(self._folder):
            if entry.name.startswith("."):
                continue
            try:
                if versions := self._not_held(entry.name):
                    yield versions[-1]
                elif entry.name.endswith(SUFFIX) and not _is_twin(entry) and not entry.is_dir():
                    yield ModelSource(entry, name_of_file(entry))
            except OSError as error:
                log.warning("%s cannot be read, so it is ignored: %s", entry, say_why(error))

    def _not_held(self, name: str) -> list[ModelSource]:
        """The versions that are served without being named, oldest first."""
        versions = self._versions_of(name).values()
        return [each for each in versions if not (each.path.parent / HELD).exists()]

    def _versions_of(self, name: str) -> dict[str, ModelSource]:
        """The versions of a model that has its own folder, oldest first."""
        if self._folder is None or "/" in name or name in {"", ".", ".."}:
            return {}
        folder = self._folder / name
        if not folder.is_dir():
            return {}
        numbers = [entry.name for entry in _entries(folder) if (entry / VERSIONED).is_file()]
        return {
            number: ModelSource(folder / number / VERSIONED, as_text(name), number)
            for number in sorted(filter(str.isdecimal, numbers), key=int)
        }


def _is_twin(path: Path) -> bool:
    plain = path.with_name(path.name.removesuffix(COMPILED) + SUFFIX)
    return path.name.endswith(COMPILED) and plain.is_file()


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(
            f"the folder of models {folder} cannot be read: {say_why(error)}"
        ) from None
