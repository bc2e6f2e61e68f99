"""The errors of this package, by fault.

`str(error)` says what went wrong and what to do about it. The module `status` maps gRPC statuses
and frame statuses to these errors.
"""

from __future__ import annotations


class EdgesegClientError(Exception):
    """The base class of all errors of this package."""


class FrameError(EdgesegClientError):
    """A frame got no result; other frames may get one."""


class InvalidRequest(FrameError):
    """The image, an option, the address or the token is not valid."""


class Unsupported(FrameError):
    """`edgeseg.v1` has it, but this daemon does not serve it."""


class Superseded(FrameError):
    """The frame waited, and a newer frame of the same stream came."""


class Expired(FrameError):
    """The frame became too old, or its deadline passed, before it had a result."""


class Overloaded(FrameError):
    """The daemon has more work than it can queue."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after: float | None = retry_after
        """Seconds to wait before the next attempt; None if the daemon did not say."""


class EngineFailed(FrameError):
    """Engines crashed, hung or failed while they segmented this frame; do not send it again."""


class ServerFault(FrameError):
    """An internal error of the daemon; its log says more."""


class Unavailable(FrameError):
    """No daemon answers, its engine is not ready, it is stopping, or the connection broke."""


class WrongAddress(Unavailable):
    """The path is not a usable socket, or the server is not a daemon; the client does not retry."""


class OtherModel(Unavailable):
    """Daemons behind the address have different models, and another than the one asked answered."""


class AccessDenied(EdgesegClientError):
    """The token is missing, or the daemon does not accept it."""


class NotAsked(EdgesegClientError):
    """The result does not have this, because `outputs=` did not ask for it."""


class SourceError(EdgesegClientError):
    """A camera, a video or a folder cannot be read."""


class WrongSource(SourceError):
    """The source cannot be read, or something that it needs is missing; it is not tried again."""


class SourceLost(SourceError):
    """A camera or an address does not answer, or no longer; a live source is tried again."""


class ClientClosed(EdgesegClientError):
    """The client was closed before or during the call."""


class ForkedProcess(EdgesegClientError):
    """The process was forked from one that had used a client; gRPC works only in the parent."""
