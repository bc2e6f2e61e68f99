"""Tries the models of a release where no daemon runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgesegd.models.catalogue.repository import VERSIONED, ModelSource
from edgesegd.rollout.manifest import ReleasedModel


class CpuTrial:
    """Runs models of `folder` on the CPU, in a separate process, for a daemon that starts later."""

    def __init__(self, folder: Path, runtime: str, threads: int) -> None:
        self._folder = folder
        self._runtime = runtime
        self._threads = threads

    def require_ready(self, model: ReleasedModel, folder: Path) -> None:
        """It always is."""

    def serving(self, name: str) -> int:
        """Nothing serves."""
        del name
        return 0

    def serve(self, model: ReleasedModel) -> None:
        """Run the version once; raises the errors of `models check`."""
        from edgesegd.probe.check import check_model  # noqa: PLC0415 # imports the trials

        path = self._folder / model.name / str(model.version) / VERSIONED
        pair = ModelSource(path, model.name, str(model.version)).read()
        asyncio.run(check_model(pair, runtime=self._runtime, threads=self._threads))

    def serve_again(self, name: str, version: int) -> None:
        """Nothing serves."""

    def installed(self, model: ReleasedModel) -> None:
        """Nothing serves."""
