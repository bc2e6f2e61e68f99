"""Masks and overlays as files."""

from __future__ import annotations

from pathlib import Path

from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.cli.outputs.whole_file import whole_file
from edgeseg_client.labels_image import labels_image
from edgeseg_client.result import Result
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.source import SourceFrame


class MaskFiles(ResultWriter):
    """Writes `NAME.labels.png` and `NAME.overlay.png` of each result to a folder.

    NAME is that of the frame's file, or its source and number. With several sources each has a
    folder of its own.
    """

    needs = ("labels",)

    def __init__(self, folder: Path, *, by_source: bool = False) -> None:
        self._folder = folder
        self._by_source = by_source
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, answered: AnsweredFrame) -> None:
        """As the base says."""
        if answered.answer.segmented is None:
            return
        name = answered.frame.label or f"{answered.source.name}-{answered.answer.frame_id:06}"
        folder = self._folder
        if self._by_source:
            folder /= answered.source.name
            folder.mkdir(exist_ok=True)
        write_masks(folder, name, answered.frame, answered.answer.segmented)


def write_masks(folder: Path, name: str, frame: SourceFrame, result: Result) -> None:
    """Writes `NAME.labels.png` and then `NAME.overlay.png`, each as a whole.

    Raises `InvalidRequest` if the picture cannot be decoded, `OSError` if a file cannot be written.
    """
    with whole_file(folder / f"{name}.labels.png") as file:
        labels_image(result, result.class_table).save(file, "PNG")
    with whole_file(folder / f"{name}.overlay.png") as file:
        result.overlay(frame.picture()).save(file, "PNG")
