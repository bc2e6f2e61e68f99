"""The RPCs of `edgeseg.v1`; the data plane and the sessions do the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.call_quota import quota_of_call
from edgesegd.api.client_gone import send
from edgesegd.api.deadline import deadline_of
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.observed_call import call_info, observed
from edgesegd.api.open_work import OpenWork
from edgesegd.api.peer import client_of
from edgesegd.api.v1.metadata import model_metadata
from edgesegd.api.v1.names import SERVICE_NAME
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.requests import (
    parse_image_request,
    parse_stream_request,
    reject_renamed_classes,
    tag_frame,
)
from edgesegd.api.v1.responses import segmentation, timing_until_now
from edgesegd.api.v1.session import StreamSession
from edgesegd.core.call import NOT_OBSERVED, CallObserver, CallObservers
from edgesegd.core.client import Client
from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel

StreamContext = grpc.aio.ServicerContext[pb.SegmentRequest, pb.SegmentResponse]
ImageContext = grpc.aio.ServicerContext[pb.SegmentImageRequest, pb.SegmentImageResponse]
InfoContext = grpc.aio.ServicerContext[pb.GetServerInfoRequest, pb.GetServerInfoResponse]


class SegmentationService:
    """Serves streams, single images and GetServerInfo; `observers` are notified of the first two.

    Errors are raised; `Admission` sends them to the client as statuses.
    """

    def __init__(
        self,
        *,
        reader: RequestReader,
        data_plane: DataPlane,
        images: ImageLanes,
        work: OpenWork,
        server_info: Callable[[], pb.GetServerInfoResponse],
        observers: CallObservers = NOT_OBSERVED,
    ) -> None:
        self._reader = reader
        self._data_plane = data_plane
        self._images = images
        self._work = work
        self._server_info = server_info
        self._observers = observers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve `edgeseg.v1` on `server`.

        The stubs are not used for this: with them gRPC itself would answer malformed messages.
        """
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Segment": grpc.stream_stream_rpc_method_handler(
                self.Segment,
                request_deserializer=parse_stream_request,
                response_serializer=bytes,  # as they are
            ),
            "SegmentImage": grpc.unary_stream_rpc_method_handler(
                self.SegmentImage,
                request_deserializer=parse_image_request,
                response_serializer=bytes,  # as above
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

    async def Segment(  # noqa: N802 # named by the contract
        self, request_iterator: AsyncIterator[pb.SegmentRequest], context: StreamContext
    ) -> AsyncGenerator[bytes, None]:
        """Answer each frame of a stream once; yields serialized responses.

        So while the client does not read, only the bytes of a response are kept.
        """
        client, quota = client_of(context.peer()), quota_of_call()

        async def accept(model: ServedModel) -> None:
            """Send metadata before any answer, so that a client can wait for its acceptance."""
            await send(context.send_initial_metadata(model_metadata(model.spec)))

        with observed(
            self._observers, call_info(SERVICE_NAME, "Segment", context, is_stream=True)
        ) as observer:
            session = StreamSession(
                self._reader,
                self._data_plane,
                client,
                deadline_of(context),
                accept,
                quota=quota,
                observer=observer,
            )
            async with (
                self._work.stream(client, session, quota),
                aclosing(session.responses(request_iterator)) as responses,
            ):
                async for response in responses:
                    message = response.SerializeToString()
                    del response
                    yield message

    async def SegmentImage(  # noqa: N802 # named by the contract
        self, request: pb.SegmentImageRequest, context: ImageContext
    ) -> AsyncGenerator[bytes, None]:
        """Segment one image; yields one serialized response, which counts until it is read."""
        client = client_of(context.peer())
        call = call_info(SERVICE_NAME, "SegmentImage", context, is_stream=False)
        with self._work.call(), observed(self._observers, call) as observer:
            tag, deadline = tag_frame(request.frame), deadline_of(context)
            result, unread_bytes, timing = await self._segment_image(
                client, tag, request, deadline, observer
            )
            self._data_plane.count_unread(client, unread_bytes)
            try:
                message = pb.SegmentImageResponse(
                    frame_id=tag.frame_id,
                    captured_unix_ns=tag.captured_unix_ns,
                    segmentation=segmentation(result, result.model.classes),
                    timing=timing,
                ).SerializeToString()
                del request, result
                yield message
            finally:
                self._data_plane.release_results(client, unread_bytes)

    async def GetServerInfo(  # noqa: N802 # named by the contract
        self, request: pb.GetServerInfoRequest, context: InfoContext
    ) -> pb.GetServerInfoResponse:
        """Describe the daemon: what it serves and accepts."""
        del request, context
        return self._server_info()

    async def _segment_image(
        self,
        client: Client,
        tag: FrameTag,
        request: pb.SegmentImageRequest,
        deadline: float | None,
        observer: CallObserver,
    ) -> tuple[FrameResult, int, pb.Timing]:
        """The result, how many bytes of it count until it is read, and its timing."""
        model, queued = None, 0.0
        try:
            options = self._reader.read_options(request.options)
            model, quota = options.model, quota_of_call()
            observer.accepted(model.name)
            quota.require_model(model.name)
            frame = self._reader.receive(tag, request.frame, options, deadline)
            quota.take_frame(len(frame.data))
            request.Clear()  # its bytes wait in the lane, and nowhere else
            with self._images.of(model, client, quota.priority().weight) as lane:
                job = self._data_plane.submit(model, lane, frame)
                result = reject_renamed_classes(options, await job.answer)
            queued = job.queued_seconds
            if isinstance(result, EdgesegError):
                raise result
        except EdgesegError as error:
            self._data_plane.count(model, tag, error, queued, observer)
            raise
        except asyncio.CancelledError:
            self._data_plane.count_abandoned(model, 1, observer)
            raise
        seconds = self._data_plane.count(model, tag, result, queued, observer)
        return result, job.unread_bytes, timing_until_now(tag, seconds)
