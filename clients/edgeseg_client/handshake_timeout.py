"""How long the steps of a stream's handshake may take; has no clock."""

from __future__ import annotations

from typing import Final

_AGAIN_SECONDS: Final = 5.0
_MAX_AGAIN_SECONDS: Final = 80.0


class HandshakeTimeout:
    """The time for each step of a handshake, in seconds; None for no limit.

    It is `timeout` for the first connection, as for any call. After a connection was lost it is 5 s
    at most, so that the stream is soon back, and doubles with each try that took as long, because
    the daemon may be slow.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._again: float | None = None

    @property
    def seconds(self) -> float | None:
        """The time for each step of the next handshake."""
        if self._again is None:
            return self._timeout
        return self._again if self._timeout is None else min(self._again, self._timeout)

    def on_connected(self) -> None:
        """A handshake succeeded; the next one follows a lost connection."""
        self._again = _AGAIN_SECONDS

    def on_failed(self, took: float) -> None:
        """A handshake failed after `took` seconds."""
        if self._again is not None and took >= self._again:
            self._again = min(2 * self._again, _MAX_AGAIN_SECONDS)
