"""The RPCs of the Open Inference Protocol; other modules convert the messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.call_quota import quota_of_call
from edgesegd.api.deadline import deadline_of
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.observed_call import call_info, observed
from edgesegd.api.oip.management import ManagementRpcs
from edgesegd.api.oip.names import SERVICE_NAME
from edgesegd.api.oip.requests import RequestReader
from edgesegd.api.oip.responses import infer_response
from edgesegd.api.oip.session import InferSession
from edgesegd.api.open_work import OpenWork
from edgesegd.api.peer import client_of
from edgesegd.api.wire import parser_of
from edgesegd.core.call import NOT_OBSERVED, CallObserver, CallObservers
from edgesegd.core.client import Client
from edgesegd.core.errors import DeadlineOver, EdgesegError, Expired
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel

Context = grpc.aio.ServicerContext[Any, Any]
ENDS_ON_ERROR = ("triton_grpc_error", "true")
"""Metadata of a stream with which an error ends the stream with a status; without it, an error is
a response."""


class InferenceService:
    """Serves inference requests, single and in streams, and the RPCs of `management`.

    `observers` are notified of the calls with inference requests.
    Errors are raised; `Admission` sends them to the client as statuses.
    """

    def __init__(
        self,
        *,
        reader: RequestReader,
        data_plane: DataPlane,
        images: ImageLanes,
        work: OpenWork,
        management: ManagementRpcs,
        observers: CallObservers = NOT_OBSERVED,
    ) -> None:
        self._reader = reader
        self._data_plane = data_plane
        self._images = images
        self._work = work
        self._management = management
        self._observers = observers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve the protocol on `server`; messages are checked before they are parsed."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "ModelInfer": grpc.unary_stream_rpc_method_handler(
                self.ModelInfer,
                request_deserializer=parser_of(pb.ModelInferRequest),
                response_serializer=bytes,  # as they are
            ),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
                self.ModelStreamInfer,
                request_deserializer=parser_of(pb.ModelInferRequest),
                response_serializer=bytes,  # as above
            ),
        }
        handlers |= self._management.handlers()
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),)
        )

    async def close(self) -> None:
        """Cancel loading and unloading of models that are not finished."""
        await self._management.close()

    async def ModelInfer(  # noqa: N802 # named by the protocol
        self, request: pb.ModelInferRequest, context: Context
    ) -> AsyncGenerator[bytes, None]:
        """Answer one request; the bytes of its result are counted until the client has read it."""
        client, deadline = client_of(context.peer()), deadline_of(context)
        call = call_info(SERVICE_NAME, "ModelInfer", context, is_stream=False)
        with self._work.call(), observed(self._observers, call) as observer:
            message, unread_bytes = await self._infer(client, request, deadline, observer)
            try:
                del request
                yield message
            finally:
                self._data_plane.release_results(client, unread_bytes)

    async def ModelStreamInfer(  # noqa: N802 # as above
        self, requests: AsyncIterator[pb.ModelInferRequest], context: Context
    ) -> AsyncGenerator[bytes, None]:
        """Answer each request of a stream once, in the order of the requests."""
        client, quota = client_of(context.peer()), quota_of_call()
        ends_on_error = ENDS_ON_ERROR in tuple(map(tuple, context.invocation_metadata() or ()))
        call = call_info(SERVICE_NAME, "ModelStreamInfer", context, is_stream=True)
        with observed(self._observers, call) as observer:
            session = InferSession(
                self._reader,
                self._data_plane,
                client,
                deadline_of(context),
                quota=quota,
                ends_on_error=ends_on_error,
                observer=observer,
            )
            async with (
                self._work.stream(client, session, quota),
                aclosing(session.responses(requests)) as responses,
            ):
                async for message in responses:
                    yield message

    async def _infer(
        self,
        client: Client,
        request: pb.ModelInferRequest,
        deadline: float | None,
        observer: CallObserver,
    ) -> tuple[bytes, int]:
        """The serialized response, and how many bytes are counted until the client has read it."""
        tag, queued, unread_bytes = FrameTag.now(0, 0), 0.0, 0
        model: ServedModel | None = None
        try:
            model, quota = self._reader.find_model(request), quota_of_call()
            observer.accepted(model.name)
            quota.require_model(model.name)
            frame, wanted = self._reader.read(request, model, tag, client, deadline)
            quota.take_frame(len(frame.data))
            request.Clear()  # only the lane should keep its bytes
            with self._images.of(model, client, quota.priority().weight) as lane:
                job = self._data_plane.submit(model, lane, frame)
                del frame
                result = await job.answer
            queued = job.queued_seconds
            unread_bytes = job.unread_bytes
            self._data_plane.count_unread(client, unread_bytes)
            message = infer_response(wanted, result).SerializeToString()
        except EdgesegError as error:
            self._data_plane.release_results(client, unread_bytes)
            self._data_plane.count(model, tag, error, queued, observer)
            if isinstance(error, Expired) and deadline is not None and time.monotonic() > deadline:
                raise DeadlineOver(str(error)) from None
            raise
        except asyncio.CancelledError:
            self._data_plane.count_abandoned(model, 1, observer)
            raise
        self._data_plane.count(model, tag, result, queued, observer)
        return message, unread_bytes
