"""How errors are told: by frame, and as gRPC status."""

from __future__ import annotations

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core import errors

Code = grpc.StatusCode

INTERNAL_TEXT = "a fault of the daemon; its log says more"

TOLD: dict[type[errors.EdgesegError], tuple[pb.FrameStatus.ValueType, Code]] = {
    errors.InvalidFrame: (pb.FRAME_STATUS_INVALID, Code.INVALID_ARGUMENT),
    errors.InvalidOptions: (pb.FRAME_STATUS_INVALID, Code.INVALID_ARGUMENT),
    errors.Unimplemented: (pb.FRAME_STATUS_UNIMPLEMENTED, Code.UNIMPLEMENTED),
    errors.UnknownModel: (pb.FRAME_STATUS_INVALID, Code.NOT_FOUND),
    errors.Superseded: (pb.FRAME_STATUS_SUPERSEDED, Code.ABORTED),
    errors.Expired: (pb.FRAME_STATUS_EXPIRED, Code.DEADLINE_EXCEEDED),
    errors.Overloaded: (pb.FRAME_STATUS_OVERLOADED, Code.RESOURCE_EXHAUSTED),
    errors.EngineFailed: (pb.FRAME_STATUS_ENGINE_FAILED, Code.UNAVAILABLE),
    errors.Draining: (pb.FRAME_STATUS_OVERLOADED, Code.UNAVAILABLE),
    errors.InternalFault: (pb.FRAME_STATUS_INTERNAL, Code.INTERNAL),
}


def frame_status(error: errors.EdgesegError) -> pb.FrameStatus.ValueType:
    """The status of a frame that met `error`."""
    return TOLD[type(error)][0]


def grpc_status(error: errors.EdgesegError) -> Code:
    """The status of an RPC that met `error`."""
    return TOLD[type(error)][1]


def retry_metadata(error: errors.EdgesegError) -> tuple[tuple[str, str], ...]:
    """When to try again, as trailing metadata that gRPC's own retries honour (gRFC A6)."""
    if isinstance(error, errors.Overloaded):
        return (("grpc-retry-pushback-ms", str(round(error.retry_after * 1000))),)
    return ()


def outcome_name(error: errors.EdgesegError) -> str:
    """The label of a metric for frames that met `error`, such as "engine_failed"."""
    name: str = pb.FrameStatus.Name(frame_status(error))
    return name.removeprefix("FRAME_STATUS_").lower()
