"""How long a stream waits for an answer before it tries another connection; has no clock."""

from __future__ import annotations

from typing import Final

CHECK_SECONDS: Final = 2.5
"""How often `AnswerTimeout.expired` is to be asked."""
MAX_SECONDS: Final = 120.0
"""No answer is waited for longer, so that a stream always finds a daemon that is back."""
WRITE_SECONDS: Final = 300.0
"""For a frame that is being written: 6 MB over 0.2 Mbit/s."""
_MIN_SECONDS: Final = 15.0
"""Longer than an engine takes to be replaced; with what follows, half a minute at most."""
_USUAL_FACTOR: Final = 3.0
_KEPT: Final = 0.9
"""Part of the longest wait that is kept with each answer: a single long one is soon forgotten."""
_GIVE_UP_FACTOR: Final = 2.0
_MAX_DOUBLED: Final = 10
"""So often, and the maximum is reached from any time; the power of any count would overflow."""


class AnswerTimeout:
    """Decides when a stream whose frames wait has waited too long; all times are in seconds.

    That is 15 s, or three times the longest wait that had an answer lately. It doubles with each
    connection that is given up in sequence, because the daemon may just be slow, but is at most two
    minutes. A frame that cannot be written, because nothing takes it, has five.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._given_up = 0
        self._since: float | None = None
        self._only_writing = False
        self._asked = 0.0

    @property
    def seconds(self) -> float:
        """How long an answer is waited for now."""
        usual = max(_MIN_SECONDS, _USUAL_FACTOR * self._longest)
        return float(min(MAX_SECONDS, usual * _GIVE_UP_FACTOR ** min(self._given_up, _MAX_DOUBLED)))

    def expired(self, now: float, *, sent: bool, writing: bool) -> float | None:
        """The time that was waited in vain, if it was too long; otherwise None.

        `sent` says whether frames that were sent wait for answers, `writing` whether one is being
        written. A process that was stopped itself begins anew.
        """
        was_stopped = now - self._asked > 2 * CHECK_SECONDS
        only_writing = writing and not sent
        self._asked = now
        if not (sent or writing):
            self._since = None
        elif self._since is None or was_stopped or only_writing != self._only_writing:
            self._since, self._only_writing = now, only_writing
        if self._since is None:
            return None
        limit = WRITE_SECONDS if only_writing else self.seconds
        return limit if now - self._since >= limit else None

    def on_answer(self, now: float) -> None:
        """An answer came: the wait begins anew."""
        waited = 0.0 if self._since is None else now - self._since
        self._longest = max(waited, _KEPT * self._longest)
        self._given_up = 0
        self._since = None

    def on_given_up(self) -> None:
        """The connection was given up."""
        self._given_up += 1
        self._since = None
