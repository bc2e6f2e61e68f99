"""The handshake of a stream: the client sends the options, the daemon accepts or refuses them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TypeAlias

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import Unavailable
from edgeseg_client.model_version import ModelVersion, read_model_version
from edgeseg_client.status import call_errors

StreamCall: TypeAlias = grpc.aio.StreamStreamCall[pb.SegmentRequest, pb.SegmentResponse]


async def perform_handshake(
    call: StreamCall, options: pb.StreamOptions, within: float | None
) -> ModelVersion | None:
    """Sends the options and waits until the daemon has accepted them.

    Returns the model that segments the stream; None from an older daemon, which does not say it.

    The daemon accepts by sending its initial metadata. Until then no frame may be written: gRPC
    loses the status of a call that ends while a message is being written, so the reason of a
    refusal would be lost.

    If the daemon refuses the options, raises the error of its status. If it does not answer
    for `within` seconds, raises `Unavailable`. In both cases the call is cancelled.
    """
    try:
        async with asyncio.timeout(within):
            with call_errors():
                # If the call has ended, a write raises InvalidStateError; the status is read below.
                with contextlib.suppress(asyncio.InvalidStateError):
                    await call.write(pb.SegmentRequest(options=options))
                metadata = await call.initial_metadata()
                if call.done():
                    await call.wait_for_connection()  # raises the status of the call
                return read_model_version(metadata)
    except TimeoutError:
        call.cancel()
        raise Unavailable(f"the daemon did not accept the stream within {within:g} s") from None
    except BaseException:
        call.cancel()
        raise
