"""Several observers of calls as one."""

from __future__ import annotations

from collections.abc import Sequence

from edgesegd.core.call import NOT_OBSERVED, AnsweredFrame, CallInfo, CallObserver, CallObservers


class AllObservers:
    """Notifies `observers` of each call, in their order."""

    def __init__(self, observers: Sequence[CallObservers]) -> None:
        self._observers = observers

    def begin(self, call: CallInfo) -> CallObserver:
        """A call begins; those that do not observe it cost nothing from then on."""
        begun = [each.begin(call) for each in self._observers]
        observing = [each for each in begun if each is not NOT_OBSERVED]
        return observing[0] if len(observing) == 1 else _AllOf(observing)


class _AllOf(CallObserver):
    """Notifies all observers of one call."""

    def __init__(self, observers: Sequence[CallObserver]) -> None:
        self._observers = observers

    def accepted(self, model: str) -> None:
        for each in self._observers:
            each.accepted(model)

    def frame_answered(self, frame: AnsweredFrame) -> None:
        for each in self._observers:
            each.frame_answered(frame)

    def frames_abandoned(self, count: int) -> None:
        for each in self._observers:
            each.frames_abandoned(count)

    def ended(self, reason: str) -> None:
        for each in self._observers:
            each.ended(reason)
