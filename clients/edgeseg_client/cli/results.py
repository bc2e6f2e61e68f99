"""Writes results as pictures, and describes them in a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeseg_client.info import ClassInfo
from edgeseg_client.labels_image import labels_image
from edgeseg_client.overlay import overlay
from edgeseg_client.result import Result


def write_result(
    folder: Path, name: str, picture: Path, result: Result, classes: Sequence[ClassInfo]
) -> None:
    """Writes `NAME.labels.png` and `NAME.overlay.png`.

    Raises `InvalidRequest` if the picture cannot be decoded, `OSError` if a file cannot be written.
    """
    labels_image(result, classes).save(folder / f"{name}.labels.png")
    overlay(picture, result, classes).save(folder / f"{name}.overlay.png")


def describe_result(result: Result, classes: Sequence[ClassInfo]) -> str:
    """The classes found and their shares of all pixels, as text, the largest first."""
    names = {one.id: one.name for one in classes}
    found = (f"{names.get(id_, id_)} {share:.1%}" for id_, share in result.shares.items())
    return ", ".join(found) or "no class found"
