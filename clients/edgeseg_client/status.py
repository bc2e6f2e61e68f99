"""The two tables from what the daemon says to errors: one for frames, one for calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import (
    AccessDenied,
    EdgesegClientError,
    EngineFailed,
    Expired,
    FrameError,
    InvalidRequest,
    Overloaded,
    ServerFault,
    Superseded,
    Unavailable,
    Unsupported,
)
from edgeseg_client.names import STATUSES


class Status(StrEnum):
    """What became of a frame of a stream."""

    OK = "ok"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    INVALID = "invalid"
    OVERLOADED = "overloaded"
    ENGINE_FAILED = "engine_failed"
    UNIMPLEMENTED = "unimplemented"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    """The connection broke before the answer (policy LATEST); said by the client itself."""


_FRAME_ERRORS: Final[dict[Status, type[FrameError]]] = {
    Status.SUPERSEDED: Superseded,
    Status.EXPIRED: Expired,
    Status.INVALID: InvalidRequest,
    Status.OVERLOADED: Overloaded,
    Status.ENGINE_FAILED: EngineFailed,
    Status.UNIMPLEMENTED: Unsupported,
    Status.INTERNAL: ServerFault,
    Status.UNAVAILABLE: Unavailable,
}

_CALL_ERRORS: Final[dict[grpc.StatusCode, type[EdgesegClientError]]] = {
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.DEADLINE_EXCEEDED: Expired,
    grpc.StatusCode.NOT_FOUND: InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
}

_STATUSES: Final = {value: Status(name) for name, value in STATUSES.items()}

_PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
# gRPC refuses a message over its receive limit with the code that also means a full queue.
_TOO_LARGE: Final = "larger than max"
# How gRPC's asyncio side reports a message that was being written when the call ended, in place of
# the status that ended it; a second attempt shows that.
_BROKEN: Final = "Internal error from Core"


def status_of(value: pb.FrameStatus.ValueType) -> Status:
    """What the contract's status is here; one that this client does not know is INTERNAL."""
    return _STATUSES.get(value, Status.INTERNAL)


def frame_error(status: Status, message: str) -> FrameError:
    """The error of a frame that was answered with `status`, which is not OK."""
    return _FRAME_ERRORS[status](message or f"the frame was answered {status}")


def call_error(error: grpc.aio.AioRpcError) -> EdgesegClientError:
    """The error of a call that ended with a gRPC status."""
    code, details = error.code(), error.details() or "the daemon gave no reason"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if _TOO_LARGE in details:
            return InvalidRequest(f"the frame is larger than the daemon accepts: {details}")
        return Overloaded(details, _pushback(error))
    if code is grpc.StatusCode.INTERNAL and details == _BROKEN:
        return Unavailable("the connection broke")
    return _CALL_ERRORS.get(code, ServerFault)(details)


def _pushback(error: grpc.aio.AioRpcError) -> float | None:
    """When the daemon wants to be asked again, in seconds."""
    for key, value in error.trailing_metadata() or ():
        if key == _PUSHBACK_KEY and str(value).isdecimal():
            return int(value) / 1000
    return None


@contextmanager
def call_errors() -> Iterator[None]:
    """Raises the errors of this package for those of the gRPC call inside.

    A call that the server cancels looks to the task like its own cancellation; here it is told
    apart and becomes `Unavailable`.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("the daemon cancelled the call") from None
