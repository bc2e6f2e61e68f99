"""Which calls are let in, whatever they are for, and who has them open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from edgesegd.core.errors import (
    EdgesegError,
    InvalidFrame,
    InvalidOptions,
    Overloaded,
    Unimplemented,
    UnknownModel,
)
from edgesegd.edges.call_status import errors_as_status
from edgesegd.edges.fair_limit import FairLimit
from edgesegd.edges.first_message import FirstMessages, Requests
from edgesegd.edges.names import SERVICE_NAME
from edgesegd.edges.open_call import OpenCall
from edgesegd.edges.peer import Client, client_of

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]
Context = grpc.aio.ServicerContext[Any, Any]

SLOWLY = (Overloaded, Unimplemented, InvalidOptions, UnknownModel)
REFUSAL_SECONDS = 0.5
"""After which a call is refused for these reasons: else who asks again at once takes as much of the
front as by what was refused."""
REFUSED_BYTES_A_SECOND = 16 << 20
"""So much longer it takes where the last message was large."""
MAX_SMALL_MESSAGE = 64 << 10
"""Bytes of a message to another service than our own: a name, and no frame."""
TOO_LARGE = f"messages to this service have at most {MAX_SMALL_MESSAGE:,} bytes"


class Admission(grpc.aio.ServerInterceptor):
    """Lets in as many calls as `limit` allows; `calls` are those that are open.

    gRPC reads the one message of a unary call before anybody can ask whose it is, however long that
    takes. So every call is served as if it were a stream, which is the same on the wire, and its
    first message is read here. `on_call` is called when a call begins, whatever it is for: its
    message may be large, and none of the contract.
    """

    def __init__(
        self,
        *,
        limit: FairLimit,
        first_messages: FirstMessages,
        on_call: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._first_messages = first_messages
        self._on_call = on_call
        self.calls: set[OpenCall] = set()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:  # noqa: ANN401 # as the base, whose types differ from version to version
        """The method's handler, within what is done here."""
        self._on_call()
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        ours = str(handler_call_details.method).startswith(f"/{SERVICE_NAME}/")

        calls: list[OpenCall] = []

        def deserialize(raw: bytes) -> Any:  # noqa: ANN401 # of any service
            """The message, or what is wrong: raised in gRPC it would keep the bytes."""
            calls[0].message_size = len(raw)
            try:
                if not ours and len(raw) > MAX_SMALL_MESSAGE:
                    raise InvalidFrame(TOO_LARGE)
                return handler.request_deserializer(raw)
            except EdgesegError as error:
                return error.without_history()
            except DecodeError as error:
                return InvalidFrame(f"the message is none of this method: {error}")

        async def serve(requests: Requests, context: Context) -> AsyncGenerator[Any, None]:
            client = client_of(context.peer())
            async with errors_as_status(context), self._admit(client) as call:
                calls.append(call)
                messages = _Messages(call, requests, self._first_messages)
                request = messages if handler.request_streaming else await messages.only()
                async with aclosing(_responses(handler, request, context)) as responses:
                    async for response in responses:
                        yield response
                        call.progress = time.monotonic()

        return grpc.stream_stream_rpc_method_handler(
            serve, deserialize, handler.response_serializer
        )

    @asynccontextmanager
    async def _admit(self, client: Client) -> AsyncIterator[OpenCall]:
        """A call of the client, for as long as it is open; raises Overloaded."""
        size = 0
        try:
            await self._limit.take_soon(client, 1)
            call = OpenCall(client)
            self.calls.add(call)
            try:
                with call.told_if_evicted():
                    yield call
            finally:
                size = call.message_size
                self.calls.discard(call)
                self._limit.give_back(client, 1)
        except SLOWLY as error:
            error.without_history()  # which would keep the message
            await asyncio.sleep(REFUSAL_SECONDS + size / REFUSED_BYTES_A_SECOND)
            raise


class _Messages:
    """The messages of a call, each of which is progress; nothing here keeps them."""

    def __init__(self, call: OpenCall, requests: Requests, first_messages: FirstMessages) -> None:
        self._call = call
        self._requests = requests
        self._first_messages: FirstMessages | None = first_messages

    def __aiter__(self) -> _Messages:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # of any service
        if (first_messages := self._first_messages) is None:
            request = await anext(self._requests)
        else:
            self._first_messages = None
            self._requests, request = await first_messages.read(self._call, self._requests)
        self._call.progress = time.monotonic()
        if isinstance(request, EdgesegError):
            raise request
        return request

    async def only(self) -> Any:  # noqa: ANN401 # as above
        """The message of a call that has one."""
        try:
            return await anext(self)
        except StopAsyncIteration:
            raise InvalidFrame("the call ended before its message") from None


async def _responses(handler: Any, request: Any, context: Context) -> AsyncGenerator[Any, None]:  # noqa: ANN401
    """What a method answers, of whatever kind it is."""
    method = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    answer = method(request, context)
    if not hasattr(answer, "__aiter__"):
        response = await answer
        if not handler.response_streaming:  # else it wrote them itself
            yield response
        return
    async with aclosing(answer):
        async for response in answer:
            yield response
