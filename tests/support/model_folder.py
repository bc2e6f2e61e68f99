"""A folder of small models in versions, whose classes are called by their version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.sums_model import sums_model

SIDECAR = """
[input]
mean = 0
std = 255
[output]
kind = "logits"
[classes]
names = ["{name} {version} a", "{name} {version} b", "{name} {version} c"]
"""


def add_version(
    folder: Path,
    name: str,
    version: int,
    *,
    make: Callable[[Path], Path] | None = None,
    size: int = 8,
) -> Path:
    """NAME/VERSION/model.tflite: one that adds, with a content of its own, or what `make` makes."""
    path = folder / name / str(version) / "model.tflite"
    path.parent.mkdir(parents=True)
    path.with_suffix(".toml").write_text(SIDECAR.format(name=name, version=version))
    if make is not None:
        return make(path)
    sums_model(path, "ADD", ["NONE", "RELU"], size=size)
    path.write_bytes(path.read_bytes() + bytes(version))
    return path
