"""Logs when streams open and close, and what is wrong with frames."""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable

from edgesegd.core.call import AnsweredFrame, CallInfo, CallObserver
from edgesegd.core.errors import ClientError
from edgesegd.core.log_fields import Field, log_fields
from edgesegd.core.result import CANCELLED

log = logging.getLogger(__name__)

INVALID_SECONDS = 1.0
"""After a line on an invalid frame, how long others are only counted."""


class CallLog:
    """Logs one line when a stream opens, one when it closes, and a sample of the invalid frames.

    Of invalid frames, single images too, the first is logged, and then at most one a second, with
    how many were left out. `clock` returns seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._invalid = _InvalidFrames(clock)

    def begin(self, call: CallInfo) -> CallObserver:
        """A call begins."""
        if call.is_stream:
            return _LoggedStream(call, next(self._numbers), self._invalid, self._clock)
        return _LoggedImage(call, self._invalid)


class _InvalidFrames:
    """Logs a sample of the frames that clients sent wrongly, of all calls together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._quiet_until = -1.0
        self._left_out = 0

    def note(self, call: CallInfo, frame: AnsweredFrame) -> None:
        """Log the frame if it is invalid and its turn."""
        if not isinstance(frame.outcome, ClientError):
            return
        now = self._clock()
        if now < self._quiet_until:
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        self._quiet_until = now + INVALID_SECONDS
        log.info(
            "frame %d of %s is %s: %s%s",
            frame.frame_id,
            _who(call),
            frame.outcome.outcome,
            frame.outcome,
            f" ({left_out} more since the last such line)" if left_out else "",
            extra=log_fields(peer=call.peer, stream=call.stream_name, reason=str(frame.outcome)),
        )


class _LoggedImage(CallObserver):
    """A call with one frame, of which nothing else is logged."""

    def __init__(self, call: CallInfo, invalid: _InvalidFrames) -> None:
        self._call = call
        self._invalid = invalid

    def frame_answered(self, frame: AnsweredFrame) -> None:
        self._invalid.note(self._call, frame)


class _LoggedStream(CallObserver):
    """A stream, which has a number in the log."""

    def __init__(
        self,
        call: CallInfo,
        number: int,
        invalid: _InvalidFrames,
        clock: Callable[[], float],
    ) -> None:
        self._call = call
        self._number = number
        self._invalid = invalid
        self._clock = clock
        self._opened: float | None = None
        self._model = ""
        self._frames: Counter[str] = Counter()

    def accepted(self, model: str) -> None:
        self._opened, self._model = self._clock(), model
        log.info(
            "stream %d of %s opened%s",
            self._number,
            _who(self._call),
            f", model {model}" if model else "",
            extra=self._fields(),
        )

    def frame_answered(self, frame: AnsweredFrame) -> None:
        self._frames[frame.outcome.outcome] += 1
        self._invalid.note(self._call, frame)

    def frames_abandoned(self, count: int) -> None:
        if count:
            self._frames[CANCELLED] += count

    def ended(self, reason: str) -> None:
        if self._opened is None:
            log.info(
                "stream %d of %s was not opened: %s",
                self._number,
                _who(self._call),
                reason,
                extra=self._fields(reason),
            )
            return
        log.info(
            "stream %d of %s closed after %.1f s, %s: %s",
            self._number,
            _who(self._call),
            self._clock() - self._opened,
            _counted(self._frames),
            reason or "the client ended it",
            extra=self._fields(reason),
        )

    def _fields(self, reason: str = "") -> dict[str, Field]:
        return log_fields(
            model=self._model,
            peer=self._call.peer,
            stream=self._call.stream_name,
            frames=dict(self._frames),
            reason=reason,
        )


def _who(call: CallInfo) -> str:
    return f"{call.peer} ({call.stream_name})" if call.stream_name else call.peer


def _counted(frames: Counter[str]) -> str:
    """Such as "100 frames ok, 3 superseded"."""
    if not frames:
        return "no frames"
    (first, count), *others = frames.most_common()
    parts = [f"{count} frames {first}" if count > 1 else f"1 frame {first}"]
    return ", ".join([*parts, *(f"{number} {outcome}" for outcome, number in others)])
