"""The frames of one stream that have no answer yet, without any I/O."""

from __future__ import annotations

from collections import deque

from edgeseg_client.frame_encoder import PendingFrame


class InFlight:
    """The frames that wait to be sent, and those that were sent.

    With `newest_only` (policy LATEST) at most one frame waits: a newer frame supersedes it, as it
    would in the daemon, so a slow network adds no latency. When the connection breaks, the frames
    that were sent are lost. Without `newest_only` (policy EVERY) all frames wait, and those that
    were sent over a lost connection are sent again.
    """

    def __init__(self, *, newest_only: bool) -> None:
        self._newest_only = newest_only
        self._unsent: deque[PendingFrame] = deque()
        self._sent: dict[int, PendingFrame] = {}

    @property
    def sent(self) -> int:
        """How many frames were sent and have no answer."""
        return len(self._sent)

    def __len__(self) -> int:
        return len(self._unsent) + len(self._sent)

    def add(self, pending: PendingFrame) -> PendingFrame | None:
        """Adds a frame that waits to be sent; removes and returns the one that it supersedes."""
        superseded = self._unsent.popleft() if self._newest_only and self._unsent else None
        self._unsent.append(pending)
        return superseded

    def next_unsent(self) -> PendingFrame | None:
        """Marks the oldest waiting frame as sent and returns it; None if no frame waits."""
        if not self._unsent:
            return None
        pending = self._unsent.popleft()
        self._sent[pending.key] = pending
        return pending

    def pop_answered(self, key: int) -> PendingFrame | None:
        """Removes and returns the sent frame with that key; None if it was answered before."""
        return self._sent.pop(key, None)

    def clear(self) -> list[PendingFrame]:
        """Removes and returns all frames."""
        pending = [*self._sent.values(), *self._unsent]
        self._sent.clear()
        self._unsent.clear()
        return pending

    def connection_lost(self) -> list[PendingFrame]:
        """Removes and returns the frames that are lost; the others wait again, in their order."""
        sent = list(self._sent.values())
        self._sent.clear()
        if self._newest_only:
            return sent
        self._unsent.extendleft(reversed(sent))
        return []


class SendWindow:
    """How many frames may be sent and not yet answered: `size`, at first `maximum`.

    When a connection breaks before its first answer, the size is halved, down to 1. With each
    answer it grows by 1, up to `maximum`. A proxy may end each call after a number of bytes: the
    same frames, sent at once again, would then break each connection before an answer.
    """

    def __init__(self, maximum: int) -> None:
        self.size = self._maximum = maximum
        self._any_answer = False

    def on_answer(self) -> None:
        """Call it when a frame was answered."""
        self._any_answer = True
        self.size = min(self._maximum, self.size + 1)

    def on_connection_lost(self, sent: int) -> None:
        """Call it when the connection broke while `sent` frames had no answer."""
        if sent and not self._any_answer:
            self.size = max(1, min(self.size, sent) // 2)
        self._any_answer = False
