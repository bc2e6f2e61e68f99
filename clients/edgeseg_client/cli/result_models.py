"""Notices results of different models, which boards may have behind one address."""

from __future__ import annotations

import sys

from edgeseg_client.model_version import ModelVersion
from edgeseg_client.result import Result


class ResultModels:
    """Prints once if the results of a command are of more than one version of a model."""

    def __init__(self) -> None:
        self._first: ModelVersion | None = None
        self._reported = False

    def add(self, result: Result) -> None:
        """Takes each result."""
        model = ModelVersion(result.model, result.model_version)
        self._first = self._first or model
        if model != self._first and not self._reported:
            self._reported = True
            print(
                f"edgeseg: results are of {self._first.name}, version {self._first.version}, and of"
                f" {model.name}, version {model.version}; daemons behind one address should serve"
                " the same models",
                file=sys.stderr,
            )
