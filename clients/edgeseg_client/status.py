"""Maps frame statuses and gRPC statuses to errors: one table for frames, one for calls."""

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
    """The status of a frame of a stream."""

    OK = "ok"
    """It was segmented."""
    SUPERSEDED = "superseded"
    """It waited, and a newer frame of the stream came (policy `latest`)."""
    EXPIRED = "expired"
    """It was older than `max_age`, or its deadline passed, before it was segmented."""
    INVALID = "invalid"
    """It cannot be decoded, or does not match its description."""
    OVERLOADED = "overloaded"
    """The daemon has more work than it can queue."""
    ENGINE_FAILED = "engine_failed"
    """Engines crashed, hung or failed while they segmented it; do not send it again."""
    UNIMPLEMENTED = "unimplemented"
    """`edgeseg.v1` has what it asks for, but this daemon does not serve it."""
    INTERNAL = "internal"
    """An internal error of the daemon; its log says more."""
    UNAVAILABLE = "unavailable"
    """No engine is ready, or the daemon is stopping. The client itself gives this status to frames
    whose connection broke before the answer (policy `latest`)."""


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

# Trailing metadata in which the daemon names a frame status, such as OVERLOADED.
_STATUS_KEY: Final = "edgeseg-status"
_PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
# For a message over its limit gRPC uses RESOURCE_EXHAUSTED, like the daemon for a full queue.
_TOO_LARGE: Final = "larger than max"
# How gRPC reports the HTTP status of a proxy that refuses a call as too large.
_TOO_LARGE_FOR_PROXY: Final = "status: 413"
# How gRPC reports a server that answers in another protocol, such as HTTP/1.
_NOT_GRPC: Final = "Failed parsing HTTP/2"
# The details of INTERNAL from an older daemon, which does not send the trailing metadata.
_OLDER_DAEMON_INTERNAL: Final = "a fault of the daemon; its log says more"


def status_of(value: pb.FrameStatus.ValueType) -> Status:
    """The `Status` for a `FrameStatus`; INTERNAL for one that this client does not know."""
    return _STATUSES.get(value, Status.INTERNAL)


def frame_error(status: Status, message: str) -> FrameError:
    """The error for a frame that was answered with `status`, which is not OK."""
    return _FRAME_ERRORS[status](message or f"the frame was answered {status}")


def call_error(error: grpc.aio.AioRpcError) -> EdgesegClientError:
    """The error for a call that ended with a gRPC status.

    If the daemon sent a status of its own in the trailing metadata, that decides. Otherwise gRPC, a
    proxy or an older daemon ended the call, and the code decides.
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
    """The error for a status of gRPC, a proxy or an older daemon."""
    match code:
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return InvalidRequest(f"the frame is larger than the daemon accepts: {details}")
        case grpc.StatusCode.UNAVAILABLE if _NOT_GRPC in details:
            return WrongAddress(
                "the server does not speak gRPC without TLS: is it the port of the daemon's"
                f" metrics, or does the daemon use TLS (credentials= or --ca)? ({details})"
            )
        case grpc.StatusCode.INTERNAL if details == _OLDER_DAEMON_INTERNAL:
            return ServerFault(details)
        case grpc.StatusCode.UNKNOWN if _TOO_LARGE_FOR_PROXY in details:
            return InvalidRequest(
                "a proxy refuses calls of this size; see its limit, such as nginx's"
                f" client_max_body_size ({details})"
            )
        case grpc.StatusCode.INTERNAL | grpc.StatusCode.UNKNOWN:
            # For example "Stream removed", "RST_STREAM" or an HTTP status; or "Internal error from
            # Core", if a message was being written when the call ended.
            return Unavailable(
                f"the connection broke ({details}); if there is a proxy, see its limits, such as"
                " nginx's client_max_body_size"
            )
        case _:
            return _CALL_ERRORS.get(code, ServerFault)(details)


def _status_from_daemon(error: grpc.aio.AioRpcError) -> Status | None:
    """The status in the daemon's trailing metadata; None if this client knows none there."""
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY:
            return _FAILED_STATUSES.get(str(value))
    return None


def _pushback(error: grpc.aio.AioRpcError) -> float | None:
    """The delay before the next attempt that the daemon asks for, in seconds."""
    for key, value in error.trailing_metadata() or ():
        if key == _PUSHBACK_KEY and str(value).isdecimal():
            return int(value) / 1000
    return None


def require_response(message: Message | None) -> Message:
    """The response of a call that ended with OK; raises `ServerFault` if there is none."""
    if message is None:  # possible, although gRPC's types say otherwise
        raise ServerFault("the server ended the call with OK, but sent no response")
    return message


@contextmanager
def call_errors() -> Iterator[None]:
    """Turns errors of the gRPC call inside into errors of this package.

    If the server cancels a call, gRPC raises CancelledError. If the running task is not being
    cancelled itself, this becomes `Unavailable`.
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
