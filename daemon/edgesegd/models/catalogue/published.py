"""Published models: where to get them, and the facts that their files do not have.

The table is `published.toml`. A file is recognised only by its SHA-256, whatever its name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edgesegd.models.normalization import Normalization


@dataclass(frozen=True, slots=True)
class Download:
    """The source of a published model, by its name for `edgesegd models pull`."""

    name: str
    title: str
    url: str
    size: int
    sha256: str
    license: str


@dataclass(frozen=True, slots=True)
class Preset:
    """The facts about a published file that the file itself does not have."""

    normalization: Normalization | None = None
    class_names: tuple[str, ...] = ()


def find_preset(sha256: str) -> Preset:
    """The preset of a file; an empty one if the file is not known."""
    return _presets().get(sha256, Preset())


@cache
def downloads() -> dict[str, Download]:
    """The models that can be pulled, by name."""
    return {
        each["name"]: Download(**{field: each[field] for field in Download.__dataclass_fields__})
        for each in _table()["model"]
        if "url" in each
    }


@cache
def _presets() -> dict[str, Preset]:
    labels = _table()["labels"]
    return {
        each["sha256"]: Preset(
            normalization=(
                Normalization.of([each["mean"]], [each["std"]]) if "mean" in each else None
            ),
            class_names=tuple(labels[each["labels"]]),
        )
        for each in _table()["model"]
    }


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
