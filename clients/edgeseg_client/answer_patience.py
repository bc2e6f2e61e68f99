"""How long a stream waits for an answer before it tries another connection; has no clock."""

from __future__ import annotations

from typing import Final

_FIRST_SECONDS: Final = 15.0
"""Longer than an engine takes to be replaced; with what follows, half a minute at most."""
_USUAL_FACTOR: Final = 3.0
_GIVE_UP_FACTOR: Final = 2.0


class AnswerPatience:
    """Decides when a stream whose frames wait has waited too long; all times are in seconds.

    That is 15 s, or three times the longest wait that had an answer. It doubles with each
    connection that is given up, because the daemon may just be slow.
    """

    def __init__(self) -> None:
        self.seconds = _FIRST_SECONDS
        self._waiting_since: float | None = None

    def is_over(self, now: float, *, waiting: bool) -> bool:
        """Whether frames wait, and have for too long without any answer."""
        if not waiting:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= self.seconds

    def on_answer(self, now: float) -> None:
        """An answer came: the wait begins anew."""
        if self._waiting_since is not None:
            self.seconds = max(self.seconds, _USUAL_FACTOR * (now - self._waiting_since))
        self._waiting_since = None

    def on_given_up(self) -> None:
        """The connection was given up."""
        self.seconds *= _GIVE_UP_FACTOR
        self._waiting_since = None
