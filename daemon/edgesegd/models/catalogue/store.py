"""Finds the file of a model: the built-in one, a pulled one, or a file given by path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError, ModelMissing
from edgesegd.models.published import downloads

BUILTIN: Final = "builtin"
_BUILTIN_FILE: Final = Path(__file__).parents[2] / "builtin" / "scenes.tflite"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that has a name; `path` is None if it is published but not pulled yet."""

    name: str
    path: Path | None


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """The data folder: `EDGESEG_DATA_DIR`, else `edgeseg` in the XDG data folder.

    By the XDG Base Directory Specification, the XDG data folder is `XDG_DATA_HOME` if that is an
    absolute path, else `~/.local/share`. Raises `ConfigError` if there is no home folder either.
    """
    if given := environ.get("EDGESEG_DATA_DIR"):
        return Path(given)
    if Path(xdg := environ.get("XDG_DATA_HOME", "")).is_absolute():
        return Path(xdg) / "edgeseg"
    if Path(home := environ.get("HOME", "")).is_absolute():
        return Path(home) / ".local" / "share" / "edgeseg"
    raise ConfigError("there is no home folder for models; set EDGESEG_DATA_DIR")


def stored_path(name: str, data_dir: Path) -> Path:
    """The path of the model of that name, which may not exist."""
    return data_dir / "models" / f"{name}.tflite"


def resolve_model(name_or_path: str, data_dir: Path) -> Path:
    """The file of a model: "" or "builtin", a name in the data folder, or a path.

    A text with a separator, or with the ending `.tflite`, is a path and returned unchanged. Raises
    `ModelMissing` for an unknown name, with what to do about it.
    """
    if name_or_path in {"", BUILTIN}:
        return _BUILTIN_FILE
    if os.sep in name_or_path or name_or_path.endswith(".tflite"):
        return Path(name_or_path)
    known = {each.name: each.path for each in list_models(data_dir)}
    if path := known.get(name_or_path):
        return path
    if name_or_path in known:
        raise ModelMissing(
            f"the model {name_or_path} is not on this machine; run `edgesegd models pull "
            f"{name_or_path}`"
        )
    close = get_close_matches(name_or_path, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "`edgesegd models list` shows them"
    raise ModelMissing(f"there is no model called {name_or_path}; {hint}")


def list_models(data_dir: Path) -> tuple[StoredModel, ...]:
    """All models with a name: the built-in one, then those kept or published, by name."""
    kept = {path.stem: path for path in (data_dir / "models").glob("*.tflite")}
    names = sorted({*kept, *downloads()} - {BUILTIN})
    return (
        StoredModel(BUILTIN, _BUILTIN_FILE),
        *(StoredModel(name, kept.get(name)) for name in names),
    )
