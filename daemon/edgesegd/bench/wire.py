"""The stub of `edgeseg.v1` for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub


def async_stub(channel: grpc.aio.Channel) -> SegmentationServiceAsyncStub:
    """The stub, typed for asyncio: one class is used for both kinds of channels."""
    return pb_grpc.SegmentationServiceStub(channel)  # type: ignore[return-value]
