"""Limits how many calls are open, for every method, and maps errors to statuses."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from edgesegd.api.call_quota import enter_quota
from edgesegd.api.client_gone import ClientGone, send
from edgesegd.api.counted_call import CallCounting, CountedCall, cancelled_code
from edgesegd.api.first_message import FirstMessages, Requests
from edgesegd.api.open_call import OpenCall, enter_call
from edgesegd.api.peer import certificate_name, client_of
from edgesegd.api.read_rate_limiter import ReadRateLimiter
from edgesegd.api.refusal_delay import RefusalDelay
from edgesegd.api.status import STATUS_OF, StatusTable, abort_with, grpc_status
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    EdgesegError,
    Forbidden,
    InternalFault,
    InvalidFrame,
    InvalidOptions,
    Overloaded,
    Unauthenticated,
    Unimplemented,
    UnknownModel,
)
from edgesegd.core.rpc import NOT_COUNTED, RpcCounters
from edgesegd.scheduling.fair_limit import FairLimit

log = logging.getLogger(__name__)

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]
Context = grpc.aio.ServicerContext[Any, Any]
CheckAccess = Callable[[OpenCall, str, str], Awaitable[None]]

DELAYED_ERRORS = (
    *(Overloaded, Unimplemented, InvalidOptions, UnknownModel),
    *(Unauthenticated, Forbidden),
)
"""Errors that are sent after a pause. Without it, a client that tries again at once would take as
much of the front's time as with accepted frames."""
STATUS_SECONDS = 2.0
OPENED_EARLY_SECONDS = 600.0
"""How long a stream of a method that is `opened_early` may wait for its first message. It is ended
sooner if other calls wait."""
RESET_SECONDS = 1.0
"""A call without a message that is cancelled in this time was reset as soon as it was opened; the
front may be as late as this to notice."""
MAX_SMALL_MESSAGE = 64 << 10
"""Bytes of a message that cannot hold a frame, such as those to the health service."""


async def _admit_everyone(_call: OpenCall, _method: str, _authorization: str) -> None:
    """Ask for no token."""


class Admission(grpc.aio.ServerInterceptor):
    """Admits as many calls as `limit` allows; `calls` are those that are open.

    gRPC reads the message of a unary call before it calls the method, however long that takes, so
    the client cannot be checked first. Therefore every call is served as a stream, which is the
    same on the wire, and its first message is read here. Messages of methods that begin with one of
    `large_messages` may hold a frame. `status_table` returns the statuses of errors for a method.
    `on_call` is called when any call begins, because even an invalid message may be large.
    `opened_early` are methods whose clients may open a stream long before they use it. `on_reset`
    is called with the client of each call that is cancelled soon and before its first message,
    `on_admitted` with that of each call that may be made.
    `check_access` raises Unauthenticated or Forbidden for a call, its method and the header in
    which its client sends a token; it sets the quota of the call. `counters` count every call.
    """

    def __init__(
        self,
        *,
        limit: FairLimit,
        first_messages: FirstMessages,
        large_messages: tuple[str, ...],
        on_call: Callable[[], None],
        status_table: Callable[[str], StatusTable] = lambda _: STATUS_OF,
        opened_early: tuple[str, ...] = (),
        on_reset: Callable[[Client], None] = lambda _: None,
        on_admitted: Callable[[Client], None] = lambda _: None,
        check_access: CheckAccess = _admit_everyone,
        counters: RpcCounters = NOT_COUNTED,
    ) -> None:
        self._limit = limit
        self.check_access = check_access
        self._status_table = status_table
        self._large_messages = large_messages
        self._first_messages = first_messages
        self._on_call = on_call
        self._opened_early = opened_early
        self.on_reset = on_reset
        self.on_admitted = on_admitted
        self.calls: set[OpenCall] = set()
        self._read_rate = ReadRateLimiter(self.calls)
        self._counting = CallCounting(counters)
        self.refusal_delay = RefusalDelay()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:  # noqa: ANN401 # as the base, whose types differ from version to version
        """Wrap the method's handler, so that its calls are admitted here."""
        self._on_call()
        handler = await continuation(handler_call_details)
        if handler is None:
            self._counting.count_unknown()
            return None
        method = str(handler_call_details.method)
        large = method.startswith(self._large_messages)
        served = _ServedCall(
            self,
            handler,
            method=method,
            authorization=_authorization(handler_call_details),
            max_message=math.inf if large else MAX_SMALL_MESSAGE,
            statuses=self._status_table(method),
            first_seconds=OPENED_EARLY_SECONDS if method in self._opened_early else None,
            counted=self._counting.call_of(method),
        )
        return grpc.stream_stream_rpc_method_handler(
            served.serve, served.deserialize, served.serialize
        )

    @asynccontextmanager
    async def admit(self, call: OpenCall) -> AsyncIterator[None]:
        """Count a call as open within the block; raises Overloaded."""
        await self._limit.wait_briefly_and_take(call.client, 1)
        self.calls.add(call)
        try:
            with call.raising_if_evicted():
                yield
        finally:
            self.calls.discard(call)
            self._limit.release(call.client, 1)

    async def first_message(
        self, call: OpenCall, requests: Requests, seconds: float | None
    ) -> tuple[Requests, Any]:
        """The messages of a call, and the first of them; see `FirstMessages.read`."""
        return await self._first_messages.read(call, requests, seconds)

    async def limit_rate(self, call: OpenCall, size: int) -> None:
        """Wait until the next message may be read, after one of `size` bytes."""
        await self._read_rate.wait_after(call, size)


class _ServedCall:
    """Serves one call of `method`; `max_message` is the largest message in bytes.

    `authorization` is the header in which its client sends a token. `statuses` are the gRPC
    statuses of errors. The first message may take `first_seconds`; None for the usual time.
    `counted` counts the call and its messages.
    """

    def __init__(
        self,
        admission: Admission,
        handler: Any,  # noqa: ANN401 # gRPC's
        *,
        method: str,
        authorization: str,
        max_message: float,
        statuses: StatusTable,
        first_seconds: float | None,
        counted: CountedCall,
    ) -> None:
        self._statuses = statuses
        self._counted = counted
        self.first_seconds = first_seconds
        self.admission = admission
        self._handler = handler
        self._method = method
        self._authorization = authorization
        self._max_message = max_message
        self.message_size = 0
        """Bytes of the last message."""

    def deserialize(self, raw: bytes) -> Any:  # noqa: ANN401 # of any service
        """The message, or an error: if it were raised, gRPC would keep the bytes."""
        self.message_size = len(raw)
        self._counted.received(len(raw))
        try:
            if len(raw) > self._max_message:
                raise InvalidFrame(
                    f"messages to this service have at most {MAX_SMALL_MESSAGE:,} bytes"
                )
            return self._handler.request_deserializer(raw)
        except EdgesegError as error:
            return error.without_history()
        except DecodeError as error:
            return InvalidFrame(f"the message is not one of this method: {error}")

    def serialize(self, response: Any) -> bytes:  # noqa: ANN401 # as above
        """The bytes of a response."""
        raw: bytes = self._handler.response_serializer(response)
        self._counted.sent(len(raw))
        return raw

    async def serve(self, requests: Requests, context: Context) -> None:
        """Serve the call and count it; an error becomes its status, a bug becomes a fixed text."""
        with self._counted.counted(context):
            await self._serve(requests, context)

    async def _serve(self, requests: Requests, context: Context) -> None:
        call = OpenCall(client_of(context.peer()), certificate_name(context.auth_context()))
        wrong: EdgesegError | None = None
        try:
            async with self.admission.admit(call):
                await self.admission.check_access(call, self._method, self._authorization)
                self.admission.on_admitted(call.client)
                enter_quota(call.quota)
                enter_call(call)
                await self._answer(call, requests, context)
        except EdgesegError as error:
            wrong = error.without_history()  # its traceback would keep the messages
        except ClientGone:
            self._counted.code = cancelled_code(context)
            return
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError:
            # Of one that waits for its turn, the message may be there already.
            is_reset = call.is_read and self.message_size == 0
            if is_reset and time.monotonic() < call.progress + RESET_SECONDS:
                self.admission.on_reset(call.client)
            raise
        except Exception:
            log.exception("a call failed by a fault of the daemon")
            wrong = InternalFault()
        if wrong is not None:
            await self._refuse(context, call.client, wrong)

    async def _answer(self, call: OpenCall, requests: Requests, context: Context) -> None:
        """Send the method's responses, for every kind of method."""
        handler, messages = self._handler, _Messages(call, requests, self)
        request = messages if handler.request_streaming else await messages.only()
        method = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )
        answer = method(request, context)
        del request
        if hasattr(answer, "__aiter__"):
            async with aclosing(answer):
                async for response in answer:
                    await send(context.write(response))
                    call.progress = time.monotonic()
            return
        response = await answer
        if not handler.response_streaming:  # else the method wrote its responses itself
            await send(context.write(response))

    async def _refuse(self, context: Context, client: Client, error: EdgesegError) -> None:
        self._counted.code = grpc_status(error, self._statuses)
        if isinstance(error, DELAYED_ERRORS):
            delay = self.admission.refusal_delay
            await asyncio.sleep(delay.seconds(client, self.message_size))
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                await abort_with(context, error, self._statuses)
        except grpc.aio.AbortError:
            raise
        except Exception as failure:  # noqa: BLE001 # the client does not read, or has left
            log.debug("a status could not be sent: %s", failure)


def _authorization(details: grpc.HandlerCallDetails) -> str:
    """The header of a call; empty if there is none."""
    metadata = details.invocation_metadata or ()
    return next((str(value) for key, value in metadata if key == "authorization"), "")


class _Messages:
    """The messages of a call; each one updates the call's progress, and none is kept."""

    def __init__(self, call: OpenCall, requests: Requests, served: _ServedCall) -> None:
        self._call = call
        self._requests = requests
        self._served = served
        self._begun = False

    def __aiter__(self) -> _Messages:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # of any service
        admission = self._served.admission
        if self._begun:
            await admission.limit_rate(self._call, self._served.message_size)
            request = await anext(self._requests)
        else:
            self._begun = True
            self._requests, request = await admission.first_message(
                self._call, self._requests, self._served.first_seconds
            )
        self._call.progress = time.monotonic()
        if isinstance(request, EdgesegError):
            raise request
        return request

    async def only(self) -> Any:  # noqa: ANN401 # as above
        """The message of a call that has exactly one."""
        try:
            return await anext(self)
        except StopAsyncIteration:
            raise InvalidFrame("the call ended before its message") from None
