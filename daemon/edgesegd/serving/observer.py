"""Who is told what becomes of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


class FrameObserver(Protocol):
    """Counts frames, in whatever way."""

    def frame_answered(
        self, outcome: FrameResult | EdgesegError, seconds: Mapping[Stage, float], total: float
    ) -> None:
        """A frame's response is sent; `seconds` by stage, `total` since it was received."""

    def frames_abandoned(self, count: int) -> None:
        """Clients left before the answers to so many frames."""

    def limit_met(self, limit: str) -> None:
        """Something has to wait, for a limit was met."""
