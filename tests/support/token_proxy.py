"""A proxy before a daemon that lets only calls with a token pass, as users guard a daemon."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, cast

import grpc


class _Guard(grpc.GenericRpcHandler):
    """Passes every call on as bytes; a unary call is a stream of one message."""

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._channel = channel
        self._expected = ("authorization", f"Bearer {token}")

    def service(
        self, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = str(details.method)

        def pass_on(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            if self._expected not in {tuple(one) for one in context.invocation_metadata()}:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")
            call: Any = self._channel.stream_stream(method)(cast(Any, requests))  # bytes, unread
            context.add_callback(call.cancel)
            context.send_initial_metadata(tuple(call.initial_metadata()))
            with suppress(grpc.RpcError):  # the client has ended the call
                yield from call

        return grpc.stream_stream_rpc_method_handler(pass_on)


@contextmanager
def token_proxy(daemon: str, token: str) -> Iterator[str]:
    """The address of a proxy before `daemon`, HOST:PORT."""
    with grpc.insecure_channel(daemon) as channel, ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, handlers=[_Guard(channel, token)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()
