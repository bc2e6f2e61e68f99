"""What is notified of the outcome of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


class FrameObserver(Protocol):
    """Is notified of answered and abandoned frames, and of limits that were met."""

    def frame_answered(
        self,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
        age: float | None,
    ) -> None:
        """A frame's response is sent; `seconds` are by stage, `total` is since it was received.

        `age` is since the frame's capture, None if it is not known.
        """

    def frames_abandoned(self, count: int) -> None:
        """Clients left before the answers to so many frames."""

    def limit_met(self, limit: str) -> None:
        """A limit was met, so something has to wait or was refused."""
