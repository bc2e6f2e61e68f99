"""A recording of the stream."""

from __future__ import annotations

from pathlib import Path

from edgeseg_client.cli.outputs.new_files import naming
from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.recording_writer import Recording


class RecordedStream(ResultWriter):
    """Writes a recording that `edgeseg replay` shows, and that is a source itself."""

    needs = ("labels_png",)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._recording = Recording(path)

    def add(self, answered: AnsweredFrame) -> None:
        """As the base says."""
        try:
            self._recording.add(answered)
        except OSError as error:
            raise naming(self._path, error) from error

    def close(self) -> None:
        """As the base says."""
        try:
            self._recording.close()
        except OSError as error:
            raise naming(self._path, error) from error
