"""The RPCs of `edgeseg.v1`: thin, for the desk and the sessions do the work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.errors import Draining, EdgesegError, InternalFault, InvalidFrame, Overloaded
from edgesegd.core.result import FrameResult
from edgesegd.edges.desk import Desk
from edgesegd.edges.image_lanes import ImageLanes
from edgesegd.edges.names import SERVICE_NAME
from edgesegd.edges.peer import client_of
from edgesegd.edges.requests import (
    FrameTag,
    parse_image_request,
    parse_stream_request,
    tag_frame,
)
from edgesegd.edges.responses import segmentation, timing_until_now
from edgesegd.edges.session import StreamSession
from edgesegd.edges.status import grpc_status, trailing_metadata
from edgesegd.scheduler.lane import Lane

log = logging.getLogger(__name__)

STREAM_RETRY_AFTER = 1.0

StreamContext = grpc.aio.ServicerContext[pb.SegmentRequest, pb.SegmentResponse]
ImageContext = grpc.aio.ServicerContext[pb.SegmentImageRequest, pb.SegmentImageResponse]
InfoContext = grpc.aio.ServicerContext[pb.GetServerInfoRequest, pb.GetServerInfoResponse]


class SegmentationService:
    """Serves streams, single images and questions about the daemon."""

    def __init__(
        self,
        *,
        desk: Desk,
        unary_queue: int,
        max_streams: int,
        server_info: Callable[[], pb.GetServerInfoResponse],
    ) -> None:
        self._desk = desk
        self._images = ImageLanes(desk.scheduler, unary_queue)
        self._max_streams = max_streams
        self._server_info = server_info
        self._sessions: set[StreamSession] = set()
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve `edgeseg.v1` on `server`.

        By hand and not by the stubs, which leave it to gRPC to tell of messages that are none.
        """
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Segment": grpc.stream_stream_rpc_method_handler(
                self.Segment,
                request_deserializer=parse_stream_request,
                response_serializer=pb.SegmentResponse.SerializeToString,
            ),
            "SegmentImage": grpc.unary_unary_rpc_method_handler(
                self.SegmentImage,
                request_deserializer=parse_image_request,
                response_serializer=pb.SegmentImageResponse.SerializeToString,
            ),
            "GetServerInfo": grpc.unary_unary_rpc_method_handler(
                self.GetServerInfo,
                request_deserializer=lambda _: pb.GetServerInfoRequest(),
                response_serializer=pb.GetServerInfoResponse.SerializeToString,
            ),
        }
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),)
        )

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._sessions)

    def drain(self) -> None:
        """Take no more frames; answer those that were taken and end the streams."""
        self._desk.scheduler.drain()
        for session in self._sessions:
            session.drain()

    async def idle(self) -> None:
        """Wait until no call for frames is open."""
        await self._idle.wait()

    @asynccontextmanager
    async def _call(self, context: StreamContext | ImageContext) -> AsyncIterator[None]:
        """A call for frames: counted while it is open, ended with the status of what goes wrong."""
        self._calls += 1
        self._idle.clear()
        try:
            async with _errors_as_status(context):
                yield
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._idle.set()

    async def Segment(  # noqa: N802 # named by the contract
        self, request_iterator: AsyncIterator[pb.SegmentRequest], context: StreamContext
    ) -> AsyncIterator[pb.SegmentResponse]:
        """Answer each frame of a stream once."""
        async with self._call(context):
            if self._desk.scheduler.draining:
                raise Draining("the daemon is stopping; connect again")
            if len(self._sessions) >= self._max_streams:
                raise Overloaded(
                    f"the limit of {self._max_streams} streams is reached; close one, or try later",
                    STREAM_RETRY_AFTER,
                )
            # Sent before any answer, so that a client may wait to know whether it is welcome.
            session = StreamSession(
                self._desk,
                client_of(context.peer()),
                _deadline(context),
                lambda: context.send_initial_metadata(()),
            )
            self._sessions.add(session)
            try:
                async for response in session.responses(request_iterator):
                    yield response
            finally:
                self._sessions.discard(session)

    async def SegmentImage(  # noqa: N802 # named by the contract
        self, request: pb.SegmentImageRequest | InvalidFrame, context: ImageContext
    ) -> pb.SegmentImageResponse:
        """Segment one image."""
        async with self._call(context):
            if isinstance(request, InvalidFrame):
                raise request
            tag = tag_frame(request.frame)
            with self._images.of(client_of(context.peer())) as lane:
                result, timing = await self._segment_image(lane, tag, request, _deadline(context))
            return pb.SegmentImageResponse(
                frame_id=tag.frame_id,
                captured_unix_ns=tag.captured_unix_ns,
                segmentation=segmentation(result, self._desk.model),
                timing=timing,
            )
        raise AssertionError("an aborted call does not come here")

    async def GetServerInfo(  # noqa: N802 # named by the contract
        self, request: pb.GetServerInfoRequest, context: InfoContext
    ) -> pb.GetServerInfoResponse:
        """What this daemon is, serves and accepts."""
        del request, context
        return self._server_info()

    async def _segment_image(
        self,
        lane: Lane,
        tag: FrameTag,
        request: pb.SegmentImageRequest,
        deadline: float | None,
    ) -> tuple[FrameResult, pb.Timing]:
        queued = 0.0
        try:
            options = self._desk.options(request.options)
            job = self._desk.submit(lane, tag, request.frame, options, deadline)
            result = await job.answer
            queued = job.queued_seconds
        except EdgesegError as error:
            self._desk.count(tag, error, queued)
            raise
        except asyncio.CancelledError:
            self._desk.count_abandoned(1)
            raise
        return result, timing_until_now(tag, self._desk.count(tag, result, queued))


def _deadline(context: StreamContext | ImageContext) -> float | None:
    """The call's deadline on the clock of `time.monotonic`."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


@asynccontextmanager
async def _errors_as_status(context: StreamContext | ImageContext) -> AsyncIterator[None]:
    """End the call with the status of what goes wrong within; a bug is told as a fixed text."""
    try:
        yield
    except EdgesegError as error:
        await _abort(context, error)
    except grpc.aio.AbortError:
        raise
    except Exception:
        log.exception("a call failed by a fault of the daemon")
        await _abort(context, InternalFault())


async def _abort(context: StreamContext | ImageContext, error: EdgesegError) -> None:
    await context.abort(grpc_status(error), str(error), trailing_metadata(error))
