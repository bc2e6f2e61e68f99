"""Published models: where to get them, and the facts that their files do not have.

The table is `published.toml`. A file is recognised only by its hash, whatever its name: its
SHA-256, or its MD5 where publishers state only that. Facts depend on it, not security: who can give
a daemon a model can give it a sidecar too.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import md5
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
    """The facts about a published file that the file itself does not have.

    `refused` is why it cannot be served, empty if it can.
    """

    normalization: Normalization | None = None
    class_names: tuple[str, ...] = ()
    refused: str = ""


def find_preset(sha256: str, data: bytes) -> Preset:
    """The preset of a file with that hash and content; an empty one if the file is not known."""
    preset = _presets().get(sha256)
    if preset is None:
        preset = _presets().get(md5(data, usedforsecurity=False).hexdigest())
    return preset or Preset()


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published file as people look for it.

    It has a `sha256` or an `md5`; the other is "". `name` is for `edgesegd models pull`, "" if it
    cannot be pulled. `input` is the size of its input, "" if its publisher does not state it.
    `classes` are "" where only the file has them.
    """

    title: str
    license: str
    sha256: str = ""
    md5: str = ""
    name: str = ""
    input: str = ""
    classes: str = ""
    refused: str = ""


def published_models() -> tuple[PublishedModel, ...]:
    """All published files that are recognised, in the order of the table."""
    return tuple(
        PublishedModel(
            title=each["title"],
            license=each["license"],
            sha256=each.get("sha256", ""),
            md5=each.get("md5", ""),
            name=each.get("name", ""),
            input=each.get("input", ""),
            classes=str(len(_table()["labels"][each["labels"]])) if "labels" in each else "",
            refused=_refusal(each),
        )
        for each in _table()["model"]
    )


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
        each.get("sha256") or each["md5"]: Preset(
            normalization=(
                Normalization.of([each["mean"]], [each["std"]]) if "mean" in each else None
            ),
            class_names=tuple(labels[each["labels"]]) if "labels" in each else (),
            refused=_refusal(each),
        )
        for each in _table()["model"]
    }


def _refusal(model: dict[str, Any]) -> str:
    return str(_table()["refused"][model["refused"]]) if "refused" in model else ""


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
