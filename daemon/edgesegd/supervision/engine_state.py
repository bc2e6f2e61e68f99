"""What an engine is doing: its states, from its start to its end, and the events that change them.

STARTING ── loaded ──▶ READY ── serves ──▶ SERVING ── drains ──▶ DRAINING

Each of these may fail, which is LOST, and each is closed at last: ENDING, then ENDED.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto


class EngineState(Enum):
    """The state of one engine."""

    STARTING = auto()
    """Its process runs, and loads the model."""
    READY = auto()
    """It is loaded and warm, and gets no frames yet."""
    SERVING = auto()
    """It gets frames."""
    DRAINING = auto()
    """It gets no more frames, and answers those that it has."""
    LOST = auto()
    """It crashed, hung or gave wrong masks: its frames return to the scheduler."""
    ENDING = auto()
    """It is being closed: its process should exit, or is killed."""
    ENDED = auto()
    """Its process has ended, or is left behind, and its memory is released."""


class EngineEvent(Enum):
    """What happens to an engine."""

    LOADED = auto()
    """It has loaded the model and run it."""
    SERVES = auto()
    """It is given frames from now on."""
    DRAINS = auto()
    """A better engine is ready, or it is no longer needed."""
    FAILED = auto()
    """It exited, hung up, did not answer in time, or its answer is wrong."""
    CLOSED = auto()
    """Its socket is closed, so that it exits."""
    EXITED = auto()
    """Its process has exited, or is left behind."""


TRANSITIONS: dict[tuple[EngineState, EngineEvent], EngineState] = {
    (EngineState.STARTING, EngineEvent.LOADED): EngineState.READY,
    (EngineState.STARTING, EngineEvent.FAILED): EngineState.LOST,
    # Its start was cancelled, or took too long.
    (EngineState.STARTING, EngineEvent.CLOSED): EngineState.ENDING,
    (EngineState.READY, EngineEvent.SERVES): EngineState.SERVING,
    (EngineState.READY, EngineEvent.FAILED): EngineState.LOST,
    # It is no longer needed before it was used.
    (EngineState.READY, EngineEvent.CLOSED): EngineState.ENDING,
    (EngineState.SERVING, EngineEvent.DRAINS): EngineState.DRAINING,
    (EngineState.SERVING, EngineEvent.FAILED): EngineState.LOST,
    (EngineState.DRAINING, EngineEvent.FAILED): EngineState.LOST,
    (EngineState.DRAINING, EngineEvent.CLOSED): EngineState.ENDING,
    # One failure may be noticed in several ways: a killed process also hangs up, and exits.
    (EngineState.LOST, EngineEvent.FAILED): EngineState.LOST,
    (EngineState.LOST, EngineEvent.CLOSED): EngineState.ENDING,
    (EngineState.ENDING, EngineEvent.FAILED): EngineState.ENDING,
    (EngineState.ENDING, EngineEvent.EXITED): EngineState.ENDED,
    # Its socket may be found closed only now.
    (EngineState.ENDED, EngineEvent.FAILED): EngineState.ENDED,
}
"""The state that follows each state after each event; no other event may happen in that state."""


class EngineLife:
    """The state of one engine, which changes as the table TRANSITIONS says."""

    def __init__(self) -> None:
        self.state = EngineState.STARTING
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<EngineLife {self.state.name}>"

    @property
    def is_serving(self) -> bool:
        """Whether the engine may be given a frame now."""
        return self.state is EngineState.SERVING

    @property
    def may_answer(self) -> bool:
        """Whether the engine may be given frames, or still answers some."""
        return self.state in (EngineState.SERVING, EngineState.DRAINING)

    @property
    def is_over(self) -> bool:
        """Whether the engine takes no message any more, and its process is about to end."""
        return self.state in (EngineState.LOST, EngineState.ENDING, EngineState.ENDED)

    def apply(self, event: EngineEvent) -> None:
        """Change the state; raises RuntimeError if the event must not happen in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            raise RuntimeError(
                f"{event.name} must not happen to an engine that is {self.state.name}"
            )
        self.state = following
        self._changed.set()
        self._changed = asyncio.Event()

    def serve(self) -> None:
        """Let the engine, which was ready, have frames; unless it was lost meanwhile."""
        if self.state is not EngineState.LOST:
            self.apply(EngineEvent.SERVES)

    def drain(self) -> None:
        """Give the engine no more frames; nothing happens if it does not serve."""
        if self.is_serving:
            self.apply(EngineEvent.DRAINS)

    async def served(self) -> None:
        """Wait until the engine gets no more frames, because it drains or is lost."""
        while self.is_serving:
            await self._changed.wait()
