"""The Unix socket on which a daemon takes orders about its models."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgesegd.board.peer_credentials import credentials_of
from edgesegd.board.unix_path import check_unix_path
from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.control.messages import MAX_LINE, ModelState, Order, error_answer
from edgesegd.core.errors import CannotListen, ConfigError, EdgesegError, InternalFault
from edgesegd.models.catalogue.repository import ModelSource
from edgesegd.serving.model_host import ModelHost, Report
from edgesegd.serving.model_runner import ModelRunner

log = logging.getLogger(__name__)

Answer = Callable[[dict[str, Any]], None]
"""Sends a message to the client of an order, if it is still connected."""
ORDER_SECONDS = 5.0
"""How long an order may take to arrive."""
OWNER_ONLY = 0o177


class ControlServer:
    """Lets `host` carry out orders from the socket at `path`, which only its own user may open.

    An order is carried out completely, even if its client disconnects. If the socket is not
    `required`, and cannot be opened, this is logged.
    """

    def __init__(self, host: ModelHost, path: Path, *, default: str, required: bool) -> None:
        self.path = path
        self._required = required
        self._host = host
        self._default = default
        self._server: asyncio.Server | None = None
        self._orders = BackgroundTasks()

    async def start(self) -> None:
        """Listen; a required one raises CannotListen, or ConfigError if the path is not UTF-8."""
        try:
            await self._listen()
        except (CannotListen, ConfigError) as error:
            if self._required:
                raise
            log.warning("there is no control socket: %s", error)

    async def close(self) -> None:
        """Take no more orders, and cancel those that are not finished."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        await self._orders.cancel()

    async def _listen(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CannotListen(f"cannot create {self.path.parent}: {error.strerror}") from None
        check_unix_path(str(self.path), str(self.path), option="--control")
        before = os.umask(OWNER_ONLY)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, str(self.path), limit=MAX_LINE
            )
        except OSError as error:
            raise CannotListen(f"cannot listen on {self.path}: {error.strerror}") from None
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def answer(message: dict[str, Any]) -> None:
            if not writer.is_closing():
                writer.write(json.dumps(message).encode() + b"\n")

        try:
            _require_own_user(writer.get_extra_info("socket"))
            async with asyncio.timeout(ORDER_SECONDS):
                order = Order.from_line(await reader.readline())
        except EdgesegError as error:
            answer(error_answer(error))
        except (TimeoutError, ValueError, OSError):
            answer(error_answer(ConfigError("no order arrived")))
        else:
            await asyncio.wait({self._orders.start(self._do(order, answer))})
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    async def _do(self, order: Order, answer: Answer) -> None:
        try:
            await self._carry_out(order, lambda text: answer({"report": text}))
            answer({"models": [self._describe(runner) for runner in self._host]})
        except EdgesegError as error:
            log.warning("%s %s: %s", order.order, order.name, error)
            answer(error_answer(error))
        except Exception:
            log.exception("an order failed by a fault of the daemon")
            answer(error_answer(InternalFault()))

    async def _carry_out(self, order: Order, report: Report) -> None:
        host = self._host
        match order.order:
            case "load" if order.path:
                source = ModelSource(Path(order.path), order.name, order.version)
                report(await host.load(source))
            case "load":
                report(await host.load_named(order.name, order.version))
            case "unload":
                report(await host.unload(order.name))
            case "rollback":
                report(await host.rollback(order.name))
            case "reload":
                await host.reload(order.name, report)
            case _:
                pass

    def _describe(self, runner: ModelRunner) -> dict[str, Any]:
        spec, ready = runner.spec, runner.model.ready()
        state = "serves" if ready else "sleeps" if runner.model.serves() else "fails"
        return asdict(
            ModelState(
                name=runner.name,
                version=spec.version,
                sha256=spec.sha256,
                path=str(spec.path),
                delegate=ready.delegate if ready else "",
                state=state,
                is_default=runner.name == self._default,
                previous=runner.previous.pair.served.version if runner.previous else "",
            )
        )


def _require_own_user(peer: socket.socket) -> None:
    """Raise ConfigError if another user got past the socket's permissions; root is allowed."""
    if not hasattr(socket, "SO_PEERCRED"):
        return
    found = credentials_of(peer)
    if found is None or found[1] not in (0, os.getuid()):
        raise ConfigError("only the user that runs the daemon may give it orders")
