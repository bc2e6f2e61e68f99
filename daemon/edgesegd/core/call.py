"""A call for frames, and what is notified of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known of a call when it begins.

    `service` and `method` are its names, `peer` is its client's address as people write it.
    `stream_name` is the name that the client gives its stream, empty if it gives none; it is
    printable and short. `metadata` has the text that the client sent with the call, but not its
    token.
    """

    service: str
    method: str
    peer: str
    is_stream: bool
    stream_name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnsweredFrame:
    """A frame whose response is sent now.

    `received_unix_ns` is when it came, in nanoseconds since 1970; `total` are the seconds since
    then, and `seconds` those of each stage.
    """

    frame_id: int
    received_unix_ns: int
    outcome: FrameResult | EdgesegError
    seconds: Mapping[Stage, float]
    total: float


class CallObserver:
    """Is notified of one call for frames; its own methods do nothing."""

    def accepted(self, model: str) -> None:
        """The call is served, by that model; empty if each of its frames may name another."""

    def frame_answered(self, frame: AnsweredFrame) -> None:
        """A frame's response is sent."""

    def frames_abandoned(self, count: int) -> None:
        """The client left before the answers to so many frames."""

    def ended(self, reason: str) -> None:
        """The call has ended, for that reason; empty if everything was answered."""


class CallObservers(Protocol):
    """Is notified of the calls for frames."""

    def begin(self, call: CallInfo) -> CallObserver:
        """A call begins; returns what is notified of it."""


class _NotObserved(CallObserver):
    """Notifies nothing."""

    def begin(self, call: CallInfo) -> CallObserver:
        """As `CallObservers`."""
        del call
        return self


NOT_OBSERVED: Final = _NotObserved()
"""An observer of calls, and of each of them, that does nothing."""
