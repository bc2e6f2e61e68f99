"""How errors are told: by frame, and as gRPC status."""

from __future__ import annotations

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core import errors

Code = grpc.StatusCode

STATUS_KEY = "edgeseg-status"
"""Of trailing metadata: with it a status is the daemon's own, and no proxy's."""

TOLD: dict[type[errors.EdgesegError], tuple[pb.FrameStatus.ValueType, Code]] = {
    errors.InvalidFrame: (pb.FRAME_STATUS_INVALID, Code.INVALID_ARGUMENT),
    errors.InvalidOptions: (pb.FRAME_STATUS_INVALID, Code.INVALID_ARGUMENT),
    errors.Unimplemented: (pb.FRAME_STATUS_UNIMPLEMENTED, Code.UNIMPLEMENTED),
    errors.UnknownModel: (pb.FRAME_STATUS_INVALID, Code.NOT_FOUND),
    errors.Superseded: (pb.FRAME_STATUS_SUPERSEDED, Code.ABORTED),
    errors.Expired: (pb.FRAME_STATUS_EXPIRED, Code.DEADLINE_EXCEEDED),
    errors.Overloaded: (pb.FRAME_STATUS_OVERLOADED, Code.RESOURCE_EXHAUSTED),
    errors.EngineFailed: (pb.FRAME_STATUS_ENGINE_FAILED, Code.FAILED_PRECONDITION),
    errors.NoEngine: (pb.FRAME_STATUS_UNAVAILABLE, Code.UNAVAILABLE),
    errors.Draining: (pb.FRAME_STATUS_UNAVAILABLE, Code.UNAVAILABLE),
    errors.InternalFault: (pb.FRAME_STATUS_INTERNAL, Code.INTERNAL),
}


def frame_status(error: errors.EdgesegError) -> pb.FrameStatus.ValueType:
    """The status of a frame that met `error`."""
    return TOLD[type(error)][0]


def grpc_status(error: errors.EdgesegError) -> Code:
    """The status of an RPC that met `error`."""
    return TOLD[type(error)][1]


def trailing_metadata(error: errors.EdgesegError) -> tuple[tuple[str, str], ...]:
    """What goes with the status of an RPC that met `error`.

    That the status is the daemon's own, and no proxy's; and when to try again, as gRPC's own
    retries honour it (gRFC A6).
    """
    own = (STATUS_KEY, _short_name(error))
    if isinstance(error, errors.Overloaded):
        return own, ("grpc-retry-pushback-ms", str(round(error.retry_after * 1000)))
    return (own,)


def outcome_name(error: errors.EdgesegError) -> str:
    """The label of a metric for frames that met `error`, such as "engine_failed"."""
    return _short_name(error).lower()


def _short_name(error: errors.EdgesegError) -> str:
    name: str = pb.FrameStatus.Name(frame_status(error))
    return name.removeprefix("FRAME_STATUS_")
