"""What is sent to clients that have left, with a real server of gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from edgesegd.api.client_gone import ClientGone, send

SECONDS = 20.0

Context = grpc.aio.ServicerContext[Any, Any]
Sending = Callable[[Context], Awaitable[None]]


async def error_after_the_client_left(sending: Sending) -> BaseException | None:
    """What `send` raises of `sending` in a call whose client has cancelled it."""
    begun, ended = asyncio.Event(), asyncio.Queue[BaseException | None]()

    async def serve(_request: bytes, context: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            try:
                await send(sending(context))
                ended.put_nowait(None)
            except BaseException as error:  # noqa: BLE001 # whatever it is
                ended.put_nowait(error)
            raise

    server = grpc.aio.server()
    handler: Any = grpc.unary_stream_rpc_method_handler(serve)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("service", {"method": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method: Any = channel.unary_stream("/service/method")
            call = method(b"")
            await asyncio.wait_for(begun.wait(), SECONDS)
            call.cancel()
            return await asyncio.wait_for(ended.get(), SECONDS)
    finally:
        await server.stop(None)


async def send_metadata(context: Context) -> None:
    await context.send_initial_metadata((("key", "value"),))


async def write(context: Context) -> None:
    await context.write(b"answer")


@pytest.mark.parametrize("sending", [send_metadata, write])
async def test_a_client_that_left_is_no_fault_of_the_daemon(sending: Sending) -> None:
    error = await error_after_the_client_left(sending)
    assert isinstance(error, ClientGone)
    assert type(error.__cause__).__module__.startswith("grpc.")


async def test_other_errors_stay_as_they_are() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await send(fail())
