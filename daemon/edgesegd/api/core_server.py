"""gRPC's asyncio server, without a fault of its loop that any client can use to end it.

grpcio 1.85 decodes the path of a call in the loop that accepts all calls; a path that is not UTF-8
ends that loop, and with it the server. The loop knows the paths of registered methods without
reading them, so here every method is registered, and a call of any other is handled before the loop
sees it, as one of the method NO_METHOD. Older versions read the path in a task of the call.

All of this is not public. Where a version lacks a part of it, its own server is used, and the log
says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import grpc.aio
from grpc._cython import cygrpc  # type: ignore[attr-defined]

NO_METHOD = "/"
INTERCEPTORS = 3
"""Where they are among the arguments of the base."""
READS_PATHS_IN_ITS_LOOP = hasattr(cygrpc.AioServer, "_make_request_call_future")
OF_CORE = ("_MethodResolver", "_handle_rpc", "_schedule_rpc_coro")
OF_SERVER = (
    *("add_generic_rpc_handlers", "add_registered_method_handlers", "shutdown"),
    *("_make_request_call_future", "_request_call", "_serving_task_crash_handler"),
)
HANDLERS = "_method_handlers"

log = logging.getLogger(__name__)


def missing_names(core: object) -> tuple[str, ...]:
    """What `CoreServer` uses of gRPC's module `cygrpc`, and of a handler, that is not there."""
    handler = grpc.method_handlers_generic_handler("any.Service", {})
    server = getattr(core, "AioServer", None)
    return (
        *(name for name in OF_CORE if not hasattr(core, name)),
        *(f"AioServer.{name}" for name in OF_SERVER if not hasattr(server, name)),
        *((HANDLERS,) if not hasattr(handler, HANDLERS) else ()),
    )


MISSING = missing_names(cygrpc)


@contextlib.contextmanager
def core_servers_call(on_end: Callable[[], None]) -> Iterator[None]:
    """Within the block, `grpc.aio.server` makes servers of this kind, where gRPC has the fault.

    `on_end` is called if one ends by a fault of its own; it accepts no more calls then.
    """
    if READS_PATHS_IN_ITS_LOOP and MISSING:
        log.warning(
            "grpcio %s has no %s, so a call whose path is not UTF-8 may end the service; install "
            "another version of grpcio",
            grpc.__version__,
            ", ".join(MISSING),
        )
    if MISSING:
        yield
        return
    before = cygrpc.AioServer
    cygrpc.AioServer = partial(CoreServer, on_end=on_end)
    try:
        yield
    finally:
        cygrpc.AioServer = before


class CoreServer(cygrpc.AioServer):  # type: ignore[misc] # it has no types
    """The server below `grpc.aio.Server`; what is overridden here is not public."""

    def __init__(self, *arguments: Any, on_end: Callable[[], None]) -> None:  # noqa: ANN401 # as the base
        self._on_end = on_end
        self._is_stopping = False
        self._registered: set[str] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._interceptors_of_others = tuple(arguments[INTERCEPTORS] or ())
        super().__init__(*arguments)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Register the methods of `handlers` too."""
        super().add_generic_rpc_handlers(handlers)
        for handler in handlers:
            self.add_registered_method_handlers(vars(handler)[HANDLERS])

    async def shutdown(self, grace: float | None) -> None:
        """Stop; older loops end with an error then, which is no fault."""
        self._is_stopping = True
        await super().shutdown(grace)

    def _serving_task_crash_handler(self, task: asyncio.Task[object]) -> None:
        """The loop has ended; by a fault, unless the server is stopped."""
        if not (self._is_stopping or task.cancelled() or task.exception() is None):
            self._on_end()
        super()._serving_task_crash_handler(task)

    def add_registered_method_handlers(self, handlers: Mapping[str, Any]) -> None:
        """Register each method once; the core ends the process otherwise."""
        new = {name: each for name, each in handlers.items() if name not in self._registered}
        self._registered |= set(new)
        super().add_registered_method_handlers(new)

    def _make_request_call_future(self, method: bytes | None) -> asyncio.Future[object]:
        """The next call of a registered method; for None, handle all others."""
        if method is not None:
            future: asyncio.Future[object] = super()._make_request_call_future(method)
            return future
        return asyncio.get_running_loop().create_task(self._handle_others())

    async def _handle_others(self) -> object:
        """Handle calls of methods that are not registered; ends with the server."""
        while True:
            task = asyncio.get_running_loop().create_task(self._handle(await self._request_call()))
            self._others.add(task)
            task.add_done_callback(self._others.discard)

    async def _handle(self, call: object) -> None:
        """As the loop handles a call: by the interceptors, then UNIMPLEMENTED."""
        loop, no_methods = asyncio.get_running_loop(), cygrpc._MethodResolver([], {})  # noqa: SLF001
        handling = cygrpc._handle_rpc(  # noqa: SLF001
            NO_METHOD, no_methods, self._interceptors_of_others, call, loop, False
        )
        await cygrpc._schedule_rpc_coro(handling, call, loop, NO_METHOD)  # noqa: SLF001
