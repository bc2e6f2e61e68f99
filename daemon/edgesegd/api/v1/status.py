"""The status of a frame without a result."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core import errors

FRAME_STATUS_OF: dict[type[errors.EdgesegError], pb.FrameStatus.ValueType] = {
    errors.InvalidFrame: pb.FRAME_STATUS_INVALID,
    errors.InvalidOptions: pb.FRAME_STATUS_INVALID,
    errors.Unimplemented: pb.FRAME_STATUS_UNIMPLEMENTED,
    errors.UnknownModel: pb.FRAME_STATUS_INVALID,
    errors.UnknownRegion: pb.FRAME_STATUS_INVALID,
    errors.RegionExists: pb.FRAME_STATUS_INVALID,
    errors.Superseded: pb.FRAME_STATUS_SUPERSEDED,
    errors.Expired: pb.FRAME_STATUS_EXPIRED,
    errors.DeadlineOver: pb.FRAME_STATUS_EXPIRED,
    errors.Overloaded: pb.FRAME_STATUS_OVERLOADED,
    errors.EngineFailed: pb.FRAME_STATUS_ENGINE_FAILED,
    errors.NoEngine: pb.FRAME_STATUS_UNAVAILABLE,
    errors.Draining: pb.FRAME_STATUS_UNAVAILABLE,
    errors.InternalFault: pb.FRAME_STATUS_INTERNAL,
}


def frame_status(error: errors.EdgesegError) -> pb.FrameStatus.ValueType:
    """The status of a frame that failed with `error`."""
    return FRAME_STATUS_OF[type(error)]
