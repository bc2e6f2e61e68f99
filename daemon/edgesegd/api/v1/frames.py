"""Converts a `Frame` of `edgeseg.v1` to the daemon's own description of it, and checks it."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.region_leases import RegionLeases
from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import (
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.frame_check import check_frame
from edgesegd.ipc.region import RegionFrame

FORMATS = {
    pb.FRAME_FORMAT_UNSPECIFIED: FrameFormat.AUTO,
    pb.FRAME_FORMAT_JPEG: FrameFormat.JPEG,
    pb.FRAME_FORMAT_PNG: FrameFormat.PNG,
    pb.FRAME_FORMAT_WEBP: FrameFormat.WEBP,
    pb.FRAME_FORMAT_BMP: FrameFormat.BMP,
    pb.FRAME_FORMAT_RGB: FrameFormat.RGB,
    pb.FRAME_FORMAT_BGR: FrameFormat.BGR,
    pb.FRAME_FORMAT_RGBA: FrameFormat.RGBA,
    pb.FRAME_FORMAT_GRAY8: FrameFormat.GRAY8,
    pb.FRAME_FORMAT_NV12: FrameFormat.NV12,
    pb.FRAME_FORMAT_I420: FrameFormat.I420,
    pb.FRAME_FORMAT_YUYV: FrameFormat.YUYV,
    pb.FRAME_FORMAT_NV21: FrameFormat.NV21,
    pb.FRAME_FORMAT_UYVY: FrameFormat.UYVY,
    pb.FRAME_FORMAT_BGRA: FrameFormat.BGRA,
    pb.FRAME_FORMAT_GRAY16: FrameFormat.GRAY16,
}
YUV_RANGES = {
    pb.YUV_RANGE_UNSPECIFIED: YuvRange.LIMITED,
    pb.YUV_RANGE_LIMITED: YuvRange.LIMITED,
    pb.YUV_RANGE_FULL: YuvRange.FULL,
}
YUV_MATRICES = {
    pb.YUV_MATRIX_UNSPECIFIED: YuvMatrix.BT601,
    pb.YUV_MATRIX_BT601: YuvMatrix.BT601,
    pb.YUV_MATRIX_BT709: YuvMatrix.BT709,
}


def parse_frame(
    frame: pb.Frame, limits: FrameLimits, regions: RegionLeases
) -> tuple[FrameSpec, bytes | RegionFrame]:
    """The frame's description and its bytes; raises InvalidFrame if they do not fit together."""
    if frame.format not in FORMATS:
        raise InvalidFrame(f"unknown frame format {frame.format}", InvalidReason.FORMAT)
    source = frame.WhichOneof("source")
    if source is None:
        raise InvalidFrame("the frame has no data", InvalidReason.EMPTY)
    spec = _parse_spec(frame)
    if source == "shared_memory":
        handle = frame.shared_memory
        frame_in_region = regions.find(handle.region, handle.offset, handle.length)
        return check_frame(spec, frame_in_region.view, limits), frame_in_region
    data = frame.data  # a copy each time
    return check_frame(spec, data, limits), data


def _parse_spec(frame: pb.Frame) -> FrameSpec:
    if frame.yuv_range not in YUV_RANGES:
        raise InvalidFrame(f"unknown range of YUV {frame.yuv_range}", InvalidReason.DESCRIPTION)
    if frame.yuv_matrix not in YUV_MATRICES:
        raise InvalidFrame(f"unknown matrix of YUV {frame.yuv_matrix}", InvalidReason.DESCRIPTION)
    return FrameSpec(
        FORMATS[frame.format],
        frame.width,
        frame.height,
        frame.stride,
        tuple(Plane(plane.offset, plane.stride) for plane in frame.planes),
        YUV_RANGES[frame.yuv_range],
        YUV_MATRICES[frame.yuv_matrix],
    )
