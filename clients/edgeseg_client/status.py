"""The two tables from what the daemon says to errors: one for frames, one for calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, TypeVar

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
    WrongAddress,
)
from edgeseg_client.names import STATUSES

Message = TypeVar("Message")


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
    """There is no engine now or the daemon stops; or, said by the client itself, the connection
    broke before the answer (policy LATEST)."""


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
    grpc.StatusCode.FAILED_PRECONDITION: EngineFailed,
    grpc.StatusCode.NOT_FOUND: InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
}

_FAILED_STATUSES: Final = {status.name: status for status in _FRAME_ERRORS}

_STATUSES: Final = {value: Status(name) for name, value in STATUSES.items()}

# The daemon's own status of a call, such as OVERLOADED: the name of a frame status.
_STATUS_KEY: Final = "edgeseg-status"
_PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
# gRPC refuses a message over its receive limit with the code that also means a full queue.
_TOO_LARGE: Final = "larger than max"
# What gRPC makes of the HTTP status of a proxy whose limit a call is over.
_TOO_LARGE_FOR_PROXY: Final = "status: 413"
# What gRPC says of a server that answers in another protocol, such as HTTP/1.
_NOT_GRPC: Final = "Failed parsing HTTP/2"
# A daemon's own INTERNAL, from one that does not say its status yet.
_OLDER_DAEMON_INTERNAL: Final = "a fault of the daemon; its log says more"


def status_of(value: pb.FrameStatus.ValueType) -> Status:
    """What the contract's status is here; one that this client does not know is INTERNAL."""
    return _STATUSES.get(value, Status.INTERNAL)


def frame_error(status: Status, message: str) -> FrameError:
    """The error of a frame that was answered with `status`, which is not OK."""
    return _FRAME_ERRORS[status](message or f"the frame was answered {status}")


def call_error(error: grpc.aio.AioRpcError) -> EdgesegClientError:
    """The error of a call that ended with a gRPC status.

    What the daemon says itself counts. Where it says nothing the code does, for then gRPC or a
    proxy ended the call, or an older daemon.
    """
    details = error.details() or "no reason was given"
    status = _status_from_daemon(error)
    if status is Status.OVERLOADED:
        return Overloaded(details, _pushback(error))
    if status is not None:
        return frame_error(status, details)
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in details:
        return Overloaded(details, _pushback(error))
    return _error_without_status(error.code(), details)


def _error_without_status(code: grpc.StatusCode, details: str) -> EdgesegClientError:
    """What gRPC, a proxy or an older daemon means."""
    match code:
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return InvalidRequest(f"the frame is larger than the daemon accepts: {details}")
        case grpc.StatusCode.UNAVAILABLE if _NOT_GRPC in details:
            return WrongAddress(
                "what answers there does not speak gRPC without TLS: is it the port of the daemon's"
                f" metrics, or does the daemon want TLS (credentials=, or --ca)? ({details})"
            )
        case grpc.StatusCode.INTERNAL if details == _OLDER_DAEMON_INTERNAL:
            return ServerFault(details)
        case grpc.StatusCode.UNKNOWN if _TOO_LARGE_FOR_PROXY in details:
            return InvalidRequest(
                "a proxy lets no call of so many bytes through; see its limit, such as nginx's"
                f" client_max_body_size ({details})"
            )
        case grpc.StatusCode.INTERNAL | grpc.StatusCode.UNKNOWN:
            # As "Stream removed", "RST_STREAM" or an HTTP status; or "Internal error from Core",
            # where a message was being written when the call ended.
            return Unavailable(
                f"the connection broke ({details}); if a proxy is between, see what it lets"
                " through, such as nginx's client_max_body_size"
            )
        case _:
            return _CALL_ERRORS.get(code, ServerFault)(details)


def _status_from_daemon(error: grpc.aio.AioRpcError) -> Status | None:
    """What the daemon says became of the call; None where it does not, or this client is older."""
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY:
            return _FAILED_STATUSES.get(str(value))
    return None


def _pushback(error: grpc.aio.AioRpcError) -> float | None:
    """When the daemon wants to be asked again, in seconds."""
    for key, value in error.trailing_metadata() or ():
        if key == _PUSHBACK_KEY and str(value).isdecimal():
            return int(value) / 1000
    return None


def require_response(message: Message | None) -> Message:
    """The message of a call that ended well; raises `ServerFault` where there is none."""
    if message is None:  # gRPC's types do not say that it may be
        raise ServerFault("the server ended the call well, but without an answer")
    return message


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
