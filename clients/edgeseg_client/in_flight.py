"""The frames of one stream that have no answer yet, without any I/O."""

from __future__ import annotations

from collections import deque

from edgeseg_client.frame_encoder import PendingFrame


class InFlight:
    """Which frames wait to be sent, and which were sent.

    With `newest_only` (policy LATEST) at most one frame waits to be sent: a newer one supersedes
    it, as it would in the daemon, so that a slow network adds no latency; and what was sent over a
    lost connection is lost. Without (policy EVERY) all wait, and what was lost is sent again.
    """

    def __init__(self, *, newest_only: bool) -> None:
        self._newest_only = newest_only
        self._unsent: deque[PendingFrame] = deque()
        self._sent: dict[int, PendingFrame] = {}

    @property
    def sent(self) -> int:
        """How many were sent."""
        return len(self._sent)

    def __len__(self) -> int:
        return len(self._unsent) + len(self._sent)

    def add(self, pending: PendingFrame) -> PendingFrame | None:
        """Lets a frame wait to be sent; the frame that it supersedes is returned and forgotten."""
        superseded = self._unsent.popleft() if self._newest_only and self._unsent else None
        self._unsent.append(pending)
        return superseded

    def next_unsent(self) -> PendingFrame | None:
        """The oldest frame that waits to be sent; it counts as sent from here on."""
        if not self._unsent:
            return None
        pending = self._unsent.popleft()
        self._sent[pending.key] = pending
        return pending

    def pop_answered(self, key: int) -> PendingFrame | None:
        """The sent frame of that key, which is forgotten; None where it has its answer already."""
        return self._sent.pop(key, None)

    def clear(self) -> list[PendingFrame]:
        """All frames; nobody waits for their answers any more."""
        pending = [*self._sent.values(), *self._unsent]
        self._sent.clear()
        self._unsent.clear()
        return pending

    def connection_lost(self) -> list[PendingFrame]:
        """The frames that were lost for good; the others are to be sent again, in their order."""
        sent = list(self._sent.values())
        self._sent.clear()
        if self._newest_only:
            return sent
        self._unsent.extendleft(reversed(sent))
        return []


class SendWindow:
    """How many frames may be sent without an answer: all that there are, as long as all is well.

    Half as many as before after a connection that broke before its first answer, down to one, and
    one more with each answer. A proxy that ends a call after so many bytes would otherwise be sent
    the same frames again and again.
    """

    def __init__(self, maximum: int) -> None:
        self.size = self._maximum = maximum
        self._any_answer = False

    def on_answer(self) -> None:
        """A frame was answered."""
        self._any_answer = True
        self.size = min(self._maximum, self.size + 1)

    def on_connection_lost(self, sent: int) -> None:
        """The connection broke, and so many frames had no answer."""
        if sent and not self._any_answer:
            self.size = max(1, min(self.size, sent) // 2)
        self._any_answer = False
