"""Where the models of a daemon are: named on the command line, or in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError, ModelMissing
from edgesegd.files.regular import say_why
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.pair import COMPILED, ModelPair, find_pair
from edgesegd.models.reading import read_model

SUFFIX: Final = ".tflite"
VERSIONED: Final = "model.tflite"
"""What the file is called in a folder of one version, as Triton and TensorFlow Serving have it."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A file, what it is served as ("" for the file's own name), and the number of its version."""

    path: Path
    name: str = ""
    version: str = ""

    def read(self) -> ModelPair:
        """What it holds; raises what `read_model` and `find_pair` raise."""
        return find_pair(read_model(self.path, self.name or None, self.version))


def parse_source(text: str, data_dir: Path) -> ModelSource:
    """What `--model` means: NAME=SOURCE or SOURCE, which is a file or a name in the data folder.

    Raises ModelMissing.
    """
    name, equals, source = text.partition("=")
    if not equals or "/" in name:
        return ModelSource(resolve_model(text, data_dir))
    return ModelSource(resolve_model(source, data_dir), name)


class ModelRepository:
    """The models that are `given` one by one, and those in `folder`, None for no folder.

    In the folder a model is NAME.tflite, or NAME/VERSION/model.tflite with whole numbers for
    versions, of which the highest is the newest. A file that is compiled for an Edge TPU belongs to
    the one beside it. Nothing is kept: each question looks at the folder as it is now.
    """

    def __init__(self, given: Sequence[ModelSource], folder: Path | None) -> None:
        self._given = given
        self._folder = folder

    def sources(self) -> tuple[ModelSource, ...]:
        """The newest version of each model; those of the folder by name.

        Raises ConfigError where the folder cannot be read.
        """
        return (*self._given, *self._in_folder())

    def find(self, name: str, version: str = "") -> ModelSource:
        """The source of a name, in its newest version where none is named; raises ModelMissing."""
        for source in self._given:
            if not version and name in {source.name, source.path.name.removesuffix(SUFFIX)}:
                return source
        versions = self._versions_of(name)
        if version and version in versions:
            return versions[version]
        if version:
            there_are = f"; there are {', '.join(versions)}" if versions else ""
            raise ModelMissing(f"there is no version {version} of the model {name}{there_are}")
        if versions:
            return list(versions.values())[-1]
        for source in self._in_folder():
            if source.name == name:
                return source
        where = f" in {self._folder}" if self._folder else ""
        raise ModelMissing(f"there is no model {name}{where}; name its file: {name}=PATH")

    def state(self) -> object:
        """Something that is equal as long as no file of the folder changes."""
        found = []
        for source in self._in_folder():
            for path in (source.path, source.path.with_suffix(".toml")):
                try:
                    status = path.stat()
                except OSError:
                    continue
                found.append((path, status.st_ino, status.st_size, status.st_mtime_ns))
        return found

    def _in_folder(self) -> Iterator[ModelSource]:
        if self._folder is None:
            return
        names = _entries(self._folder)
        for entry in names:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if versions := self._versions_of(entry.name):
                    yield list(versions.values())[-1]
            elif entry.name.endswith(SUFFIX) and not _is_twin(entry):
                yield ModelSource(entry, entry.name.removesuffix(SUFFIX))

    def _versions_of(self, name: str) -> dict[str, ModelSource]:
        """The versions of a model that has a folder of its own, oldest first."""
        if self._folder is None or "/" in name or name in {"", ".", ".."}:
            return {}
        folder = self._folder / name
        if not folder.is_dir():
            return {}
        numbers = [entry.name for entry in _entries(folder) if (entry / VERSIONED).is_file()]
        return {
            number: ModelSource(folder / number / VERSIONED, name, number)
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
