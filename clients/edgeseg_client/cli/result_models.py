"""Notices results of different models: of boards behind one address, or kept in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from edgeseg_client.cli.outputs.whole_file import whole_file
from edgeseg_client.model_version import ModelVersion
from edgeseg_client.result import Result

MODEL_FILE = "model.txt"
"""What made the results in a folder: the name of a model and its version."""


class ResultModels:
    """Prints once if results are of more than one version of a model.

    With a `folder` in which earlier results are kept, what made the first of them is written into
    MODEL_FILE there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = None if folder is None else folder / MODEL_FILE
        self._first = None if self._file is None else _read(self._file)
        self._reported = False

    def add(self, result: Result) -> None:
        """Takes each result; raises OSError if the file cannot be written."""
        model = ModelVersion(result.model, result.model_version)
        if self._first is None:
            self._first = model
            if self._file is not None:
                with whole_file(self._file) as part:
                    part.write_text(f"{model.name} {model.version}\n", encoding="utf-8")
        if model != self._first and not self._reported:
            self._reported = True
            print(
                f"edgeseg: results are of {self._first.name}, version {self._first.version}, and of"
                f" {model.name}, version {model.version}; daemons behind one address should serve"
                " the same models",
                file=sys.stderr,
            )


def _read(file: Path) -> ModelVersion | None:
    """None if it is not there, or is another program's file of that name."""
    try:
        name, separator, version = file.read_text(encoding="utf-8").strip().rpartition(" ")
    except (OSError, ValueError):
        return None
    return ModelVersion(name, version) if separator else None
