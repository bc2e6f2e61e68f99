"""Which calls are let in, whatever they are for, and who has them open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

import grpc
import grpc.aio

from edgesegd.core.errors import (
    Expired,
    InvalidFrame,
    InvalidOptions,
    Overloaded,
    Unimplemented,
    UnknownModel,
)
from edgesegd.edges.call_status import errors_as_status
from edgesegd.edges.fair_limit import RETRY_AFTER, FairLimit
from edgesegd.edges.names import SERVICE_NAME
from edgesegd.edges.peer import Client, client_of

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]
Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[Any]

SLOWLY = (Overloaded, Unimplemented, InvalidOptions, UnknownModel)
REFUSAL_SECONDS = 0.5
"""After which a call is refused for these reasons: else who asks again at once takes as much of the
front as by what was refused."""
MAX_SMALL_MESSAGE = 64 << 10
"""Bytes of a message to another service than our own: a name, and no frame."""


class OpenCall:
    """A call of `client`; `progress` is when its last message came or went."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.progress = time.monotonic()
        self._evicted = False
        self._task = asyncio.current_task()

    def evict(self) -> None:
        """End it, so that gRPC lets go of what it holds of it."""
        self._evicted = True
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def told_if_evicted(self) -> Iterator[None]:
        """Raises Overloaded where the call is ended for want of memory."""
        try:
            yield
        except asyncio.CancelledError:
            if not self._evicted or self._task is None:
                raise
            self._task.uncancel()
            raise Overloaded(
                "the daemon's memory is used up, and this call waited; open it again", RETRY_AFTER
            ) from None


class Admission(grpc.aio.ServerInterceptor):
    """Lets in as many calls as `limit` allows; `calls` are those that are open.

    gRPC reads the one message of a unary call before anybody can ask whose it is, however long that
    takes. So every call is served as if it were a stream, which is the same on the wire, and its
    first message is read here: that may take `message_seconds`, and as many are read at a time as
    `reads` allows. `on_call` is called when a call begins, whatever it is for: its message may be
    large, and none of the contract.
    """

    def __init__(
        self,
        *,
        limit: FairLimit,
        reads: FairLimit,
        message_seconds: float,
        on_call: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._reads = reads
        self._message_seconds = message_seconds
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

        async def serve(requests: Requests, context: Context) -> AsyncGenerator[Any, None]:
            client = client_of(context.peer())
            async with errors_as_status(context), self._admit(client) as call:
                messages = _Messages(call, requests, self._begin, small=not ours)
                request = messages if handler.request_streaming else await messages.only()
                async with aclosing(_responses(handler, request, context)) as responses:
                    async for response in responses:
                        yield response
                        call.progress = time.monotonic()

        return grpc.stream_stream_rpc_method_handler(
            serve, handler.request_deserializer, handler.response_serializer
        )

    @asynccontextmanager
    async def _admit(self, client: Client) -> AsyncIterator[OpenCall]:
        """A call of the client, for as long as it is open; raises Overloaded."""
        try:
            await self._limit.take_soon(client, 1)
            call = OpenCall(client)
            self.calls.add(call)
            try:
                with call.told_if_evicted():
                    yield call
            finally:
                self.calls.discard(call)
                self._limit.give_back(client, 1)
        except SLOWLY:
            await asyncio.sleep(REFUSAL_SECONDS)
            raise

    async def _begin(self, client: Client, requests: Requests) -> tuple[Requests, Any]:
        """The messages of a call, and its first; few are read at a time, for each may be large."""
        try:
            async with asyncio.timeout(self._message_seconds):
                await self._reads.wait_and_take(client, 1)
                try:
                    messages = aiter(requests)
                    return messages, await anext(messages)
                finally:
                    self._reads.give_back(client, 1)
        except TimeoutError:
            raise Expired(f"no message came in {self._message_seconds:g} s") from None


class _Messages:
    """The messages of a call, each of which is progress; nothing here keeps them."""

    def __init__(
        self,
        call: OpenCall,
        requests: Requests,
        begin: Callable[[Client, Requests], Awaitable[tuple[Requests, Any]]],
        *,
        small: bool,
    ) -> None:
        self._call = call
        self._requests = requests
        self._begin = begin
        self._begun = False
        self._small = small

    def __aiter__(self) -> _Messages:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # of any service
        if self._begun:
            request = await anext(self._requests)
        else:
            self._begun = True
            self._requests, request = await self._begin(self._call.client, self._requests)
        self._call.progress = time.monotonic()
        if self._small and request.ByteSize() > MAX_SMALL_MESSAGE:
            raise InvalidFrame(f"messages to this service have at most {MAX_SMALL_MESSAGE:,} bytes")
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
