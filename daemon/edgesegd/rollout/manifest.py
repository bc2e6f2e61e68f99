"""The manifest of a release: which models it has, in which versions, with which files.

It is JSON, because programs write and read it and its signature is over its exact bytes:

    {
      "format": 1,
      "release": "rooms for winter",
      "serial": 7,
      "percent": 10,
      "models": {
        "rooms": {
          "version": 4,
          "files": {
            "model.tflite": {"size": 2780176, "sha256": "9711…"},
            "model.toml": {"size": 112, "sha256": "1f0b…"}
          }
        }
      }
    }

A file is at MODEL/VERSION/FILE beside the manifest, which is the layout of the daemon's folder too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn, TypeVar

from edgesegd.core.errors import ReleaseRefused
from edgesegd.models.catalogue.repository import HELD, VERSIONED
from edgesegd.models.file_bytes import MAX_MODEL_BYTES

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"
FORMAT: Final = 1
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_FILES: Final = 64
"""Of a model."""
MAX_NUMBER: Final = (1 << 31) - 1
"""Of serials and versions."""
MAX_RELEASE: Final = 100
"""Characters."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Of a model or a file: neither leads out of a folder, nor must it be quoted in an address."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ALL: Final = 100

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """A file of a model: its name, its size in bytes, and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """A version of a model; one of the files is VERSIONED."""

    name: str
    version: int
    files: tuple[ReleasedFile, ...]

    @property
    def sha256(self) -> str:
        """That of the model's own file."""
        return next(file.sha256 for file in self.files if file.name == VERSIONED)

    def path_of(self, file: ReleasedFile) -> str:
        """Where the file is beside the manifest."""
        return f"{self.name}/{self.version}/{file.name}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release: `percent` is the share of boards that it is for, `serial` grows with each one.

    `digest` is the SHA-256 of the manifest's bytes.
    """

    release: str
    serial: int
    percent: float
    models: tuple[ReleasedModel, ...]
    digest: str

    @property
    def content(self) -> str:
        """A SHA-256 of the models alone: the same for two stages of a release."""
        return content_of(self.models)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for model in self.models for file in model.files)


def read_manifest(data: bytes) -> Manifest:
    """The manifest with these bytes; raises ReleaseRefused with what is wrong in it."""
    try:
        document = json.loads(
            data.decode("utf-8"), object_pairs_hook=_only_once, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise ReleaseRefused(f"{MANIFEST} is not valid JSON: {error}") from None
    found = _keys(document, "the manifest", ("format", "release", "serial", "percent", "models"))
    if found["format"] != FORMAT:
        raise ReleaseRefused(
            f"{MANIFEST} has format {found['format']!r}, and this edgesegd reads {FORMAT} only"
        )
    models = _mapping(found["models"], "models", _model)
    return Manifest(
        release=_release(found["release"]),
        serial=_number(found["serial"], "serial", MAX_NUMBER),
        percent=_percent(found["percent"]),
        models=models,
        digest=sha256(data).hexdigest(),
    )


def write_manifest(
    models: tuple[ReleasedModel, ...], *, serial: int, percent: float, release: str
) -> bytes:
    """The bytes of a manifest; they can be read by `read_manifest`, which this raises like."""
    _percent(percent)  # JSON has no NaN
    document = {
        "format": FORMAT,
        "release": release,
        "serial": serial,
        "percent": int(percent) if float(percent).is_integer() else percent,
        "models": _as_json(models),
    }
    data = json.dumps(document, indent=2).encode() + b"\n"
    read_manifest(data)
    return data


def content_of(models: tuple[ReleasedModel, ...]) -> str:
    """A SHA-256 of these models, whatever their order."""
    return sha256(json.dumps(_as_json(models), sort_keys=True).encode()).hexdigest()


def _as_json(models: tuple[ReleasedModel, ...]) -> dict[str, Any]:
    return {
        model.name: {
            "version": model.version,
            "files": {
                file.name: {"size": file.size, "sha256": file.sha256} for file in model.files
            },
        }
        for model in models
    }


def _model(name: str, value: object) -> ReleasedModel:
    found = _keys(value, f"models.{name}", ("version", "files"))
    where = f"models.{name}"
    files = _mapping(found["files"], f"{where}.files", lambda key, each: _file(where, key, each))
    names = [file.name for file in files]
    if VERSIONED not in names:
        raise ReleaseRefused(f"{MANIFEST}: {where}.files has no {VERSIONED}")
    if HELD in names:
        raise ReleaseRefused(f"{MANIFEST}: {where}.files.{HELD} is a name of the daemon's own")
    if len(files) > MAX_FILES:
        raise ReleaseRefused(f"{MANIFEST}: {where} has more than {MAX_FILES} files")
    return ReleasedModel(name, _number(found["version"], f"{where}.version", MAX_NUMBER), files)


def _file(model: str, name: str, value: object) -> ReleasedFile:
    where = f"{model}.files.{name}"
    found = _keys(value, where, ("size", "sha256"))
    digest = found["sha256"]
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ReleaseRefused(f"{MANIFEST}: {where}.sha256 must be 64 hexadecimal digits")
    return ReleasedFile(name, _number(found["size"], f"{where}.size", MAX_MODEL_BYTES), digest)


def _mapping(value: object, where: str, read: Callable[[str, object], Value]) -> tuple[Value, ...]:
    if not isinstance(value, dict) or not value:
        raise ReleaseRefused(f"{MANIFEST}: {where} must be an object with at least one name")
    for name in value:
        if not NAME.fullmatch(name):
            raise ReleaseRefused(
                f"{MANIFEST}: {name[:80]!r} in {where} cannot be a name: it has 1 to 100 letters, "
                "digits, dots, dashes and underscores, and begins with a letter or a digit"
            )
    if len({name.lower() for name in value}) < len(value):
        raise ReleaseRefused(
            f"{MANIFEST}: two names in {where} differ in upper and lower case only"
        )
    return tuple(read(name, each) for name, each in value.items())


def _keys(value: object, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReleaseRefused(f"{MANIFEST}: {where} must be an object")
    for key in keys:
        if key not in value:
            raise ReleaseRefused(f"{MANIFEST}: {where} has no {key}")
    if unknown := [key for key in value if key not in keys]:
        raise ReleaseRefused(
            f"{MANIFEST}: {where} has {unknown[0][:80]!r}, which this edgesegd does not know"
        )
    return value


def _number(value: object, where: str, largest: int) -> int:
    if type(value) is not int or not 1 <= value <= largest:
        raise ReleaseRefused(f"{MANIFEST}: {where} must be a whole number from 1 to {largest}")
    return value


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _ALL:
        raise ReleaseRefused(f"{MANIFEST}: percent must be a number from 0 to {_ALL}")
    return value


def _release(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_RELEASE or not value.isprintable():
        raise ReleaseRefused(
            f"{MANIFEST}: release must be one line of 1 to {MAX_RELEASE} characters"
        )
    return value


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; the second of two equal keys would win without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"{next(_twice(pairs))[:80]!r} is there twice")
    return found


def _twice(pairs: list[tuple[str, Any]]) -> Iterator[str]:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            yield key
        seen.add(key)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")
