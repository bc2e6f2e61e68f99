"""The contract as an asyncio client calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub


def async_stub(channel: grpc.aio.Channel) -> SegmentationServiceAsyncStub:
    """One class serves both kinds of channels; its types tell them apart."""
    return pb_grpc.SegmentationServiceStub(channel)  # type: ignore[return-value]
