"""Calls and messages of the contract."""

from __future__ import annotations

import grpc

from attacks.target import Target
from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc

SEGMENT = "/edgeseg.v1.SegmentationService/Segment"
SEGMENT_IMAGE = "/edgeseg.v1.SegmentationService/SegmentImage"
WATCH = "/grpc.health.v1.Health/Watch"
MEGABYTE = 1 << 20


def stream_options(
    policy: pb.QueuePolicy.ValueType = pb.QUEUE_POLICY_EVERY,
    options: pb.SegmentationOptions | None = None,
) -> bytes:
    """The first message of a stream."""
    return pb.SegmentRequest(
        options=pb.StreamOptions(policy=policy, segmentation=options)
    ).SerializeToString()


def stream_frame(picture: bytes) -> bytes:
    """A frame of a stream."""
    return pb.SegmentRequest(frame=pb.Frame(data=picture)).SerializeToString()


def image_request(picture: bytes) -> bytes:
    """A single image."""
    return pb.SegmentImageRequest(frame=pb.Frame(data=picture)).SerializeToString()


def max_frame_bytes(target: Target) -> int:
    """The largest frame that the daemon takes."""
    with grpc.insecure_channel(target.grpc) as channel:
        info = pb_grpc.SegmentationServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest())
    return int(info.max_frame_bytes)


def max_message(target: Target) -> int:
    """Bytes of the largest message that it takes: twice that, so that it can refuse a frame."""
    return 2 * max_frame_bytes(target)
