"""What a place for results is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgeseg_client.options import Output as ResultOutput
from edgeseg_client.sources.following import AnsweredFrame


class ResultWriter(ABC):
    """Takes each answered frame of a stream; it `needs` these outputs of the daemon."""

    needs: tuple[ResultOutput, ...] = ()

    @abstractmethod
    def add(self, answered: AnsweredFrame) -> None:
        """Take one frame and its answer; raises `OSError` if it cannot be written."""

    def close(self) -> None:
        """Finish what is written."""
        return
