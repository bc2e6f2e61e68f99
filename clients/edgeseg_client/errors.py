"""Everything that can go wrong, by whose fault it is.

`str(error)` is a sentence for the person who can mend it. Which gRPC status or frame status becomes
which error stands in `status`.
"""

from __future__ import annotations


class EdgesegClientError(Exception):
    """Base of all errors that this package raises on purpose."""


class FrameError(EdgesegClientError):
    """A frame got no result; the next one may."""


class InvalidRequest(FrameError):
    """The image, an option, the address or the token is not what it has to be."""


class Unsupported(FrameError):
    """In the contract, but not served by this daemon."""


class Superseded(FrameError):
    """A newer frame of the same stream came while this one waited."""


class Expired(FrameError):
    """Too old, or past its deadline, before there was an answer."""


class Overloaded(FrameError):
    """The daemon has more work than it can queue.

    `retry_after` is when trying again makes sense, in seconds; None where the daemon did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineFailed(FrameError):
    """Engines crash, hang or fail with this frame in them: do not send it again."""


class ServerFault(FrameError):
    """A fault of the daemon itself; its log says more."""


class Unavailable(FrameError):
    """No daemon answers at the address, it has no engine now or stops, or the connection broke."""


class WrongAddress(Unavailable):
    """No socket lies at the path, or another server than a daemon is there; not tried again."""


class AccessDenied(EdgesegClientError):
    """The daemon wants another token, or any."""


class NotAsked(EdgesegClientError):
    """The result lacks what was not asked for with `outputs=`."""


class ClientClosed(EdgesegClientError):
    """The client was closed before or during the call."""


class ForkedProcess(EdgesegClientError):
    """The process was forked from one that had used a client; gRPC works in the parent only."""
