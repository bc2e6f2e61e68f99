"""A stream's first exchange: the options, and whether the daemon takes them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TypeAlias

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import Unavailable
from edgeseg_client.status import call_errors

StreamCall: TypeAlias = grpc.aio.StreamStreamCall[pb.SegmentRequest, pb.SegmentResponse]


async def perform_handshake(
    call: StreamCall, options: pb.StreamOptions, within: float | None
) -> None:
    """Sends the options and waits until the daemon has accepted them.

    It says so with its initial metadata. A frame that was written meanwhile would hide a refusal,
    for gRPC loses the status of a call that ends while a message is being written.

    Raises what the stream was refused with; `Unavailable` where the daemon says nothing for
    `within` seconds. The call is cancelled then.
    """
    try:
        async with asyncio.timeout(within):
            with call_errors():
                # Writing to a call that has ended is an InvalidStateError; how is asked below.
                with contextlib.suppress(asyncio.InvalidStateError):
                    await call.write(pb.SegmentRequest(options=options))
                await call.initial_metadata()
                if call.done():
                    await call.wait_for_connection()  # raises how it ended
    except TimeoutError:
        call.cancel()
        raise Unavailable(f"the daemon did not accept the stream within {within:g} s") from None
    except BaseException:
        call.cancel()
        raise
