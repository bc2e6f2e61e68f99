"""What is installed in a folder of models by releases, in a file of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.files.replacing import replacing
from edgesegd.rollout.manifest import MAX_NUMBER, NAME

RECORD: Final = "installed.json"
MAX_RECORD_BYTES: Final = 1 << 20
MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model of the release; `before` is the version that served before it, 0 for none."""

    version: int
    before: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """The release that is installed, and what releases have put into the folder.

    `serial` is 0 and `manifest` "" if there was none yet. `content` is that of the models, and ""
    after the release was taken back. `changed` are the models to which it gave another version.
    `placed` are the versions that came with releases; others
    are an operator's. `failed` is the content of a release that did not serve here, and `why`.
    """

    serial: int = 0
    release: str = ""
    manifest: str = ""
    content: str = ""
    changed: tuple[str, ...] = ()
    models: Mapping[str, InstalledModel] = field(default_factory=lambda: MappingProxyType({}))
    placed: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    failed: str = ""
    why: str = ""

    @classmethod
    def from_json(cls, document: Any) -> Self:  # noqa: ANN401 # what a file has
        """The record in a document; raises ValueError, LookupError, TypeError or AttributeError."""
        given = {"serial": document["serial"], **document}
        models, placed = given.pop("models", {}), given.pop("placed", {})
        record = cls(**given)
        kinds = {each.name: type(each.default) for each in fields(cls) if each.default in (0, "")}
        for name, kind in kinds.items():
            if type(getattr(record, name)) is not kind:
                raise TypeError(f"{name} is no {kind.__name__}")
        return replace(
            record,
            serial=_number(record.serial, MAX_NUMBER),
            changed=tuple(map(_name, _list(record.changed))),
            models={
                _name(name): InstalledModel(_number(each["version"]), _number(each["before"]))
                for name, each in models.items()
            },
            placed={
                _name(name): tuple(_number(version, MAX_NUMBER) for version in _list(each))
                for name, each in placed.items()
            },
        )

    def placed_of(self, name: str) -> tuple[int, ...]:
        """The versions of a model that came with releases."""
        return self.placed.get(name, ())

    def with_placed(self, name: str, versions: tuple[int, ...]) -> Self:
        """The record with other versions of that model that came with releases."""
        return replace(self, placed={**self.placed, name: tuple(sorted(set(versions)))})


def _number(value: object, largest: float = math.inf) -> int:
    """A serial or a version, 0 for none; that of an operator may be larger than any release's."""
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError(f"{value!r} is no number of a release")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a model")
    return value


def _list(value: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is no list")
    return value


def read_record(folder: Path) -> Record:
    """The record in a folder, an empty one if there is none; raises ConfigError.

    A damaged one is an error: without it an old release could come back.
    """
    path = folder / RECORD
    try:
        return Record.from_json(json.loads(read_regular_file(path, MAX_RECORD_BYTES)))
    except FileNotFoundError:
        return Record()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {say_why(error)}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"{path} is damaged, so it is unknown which release is installed; delete it, and give "
            "the newest release"
        ) from None


def write_record(folder: Path, record: Record) -> None:
    """Write the record; it is the old or the new one, even after a power cut. Raises OSError."""
    document = asdict(replace(record, models={}, placed={}))
    document["models"] = {name: asdict(each) for name, each in record.models.items()}
    document["placed"] = {name: list(each) for name, each in record.placed.items()}
    with replacing(folder / RECORD, mode=MODE) as file:
        file.write(json.dumps(document, indent=2).encode() + b"\n")
