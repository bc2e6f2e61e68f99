"""Knowing of every call, whatever service it is for and whatever it holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class CallWatch(grpc.aio.ServerInterceptor):
    """Calls `on_call` when a call begins: its message may be large, and none of the contract."""

    def __init__(self, on_call: Callable[[], None]) -> None:
        self._on_call = on_call

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:  # noqa: ANN401 # as the base, whose types differ from version to version
        """As it would be served without this."""
        self._on_call()
        return await continuation(handler_call_details)
