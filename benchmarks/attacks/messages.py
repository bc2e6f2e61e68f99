"""Calls and messages of the contract."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb

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
