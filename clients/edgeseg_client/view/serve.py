"""Runs the page from its start to its end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from edgeseg_client.aio import AsyncClient
from edgeseg_client.sources.source import Source
from edgeseg_client.view.access import is_loopback
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.server import PageServer

Value = TypeVar("Value")

_UNUSED_IPV4 = ("192.0.2.1", 9)
"""An address that nobody has (RFC 5737); nothing is sent to it."""
_UNUSED_IPV6 = ("2001:db8::1", 9)
"""The same of IPv6 (RFC 3849)."""


async def show_page(
    hub: Hub,
    server: PageServer,
    client: AsyncClient,
    sources: Sequence[Source],
    *,
    streams: dict[str, Any],
    stop: asyncio.Event,
    announce: Callable[[str], None],
) -> None:
    """Segment the sources with the options `streams` and show them until `stop` is set.

    `announce` is called with each address of the page, without its token. Raises `InvalidRequest`
    if it cannot listen.
    """
    try:
        await server.start()
        for address in page_addresses(server):
            announce(address)
        tasks = [
            asyncio.create_task(hub.watch.run()),
            asyncio.create_task(hub.follow_all(client, sources, streams)),
        ]
        await _until(stop, tasks)
    finally:
        for source in sources:
            source.close()
        await server.close()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Value]) -> Value | None:
    """What `work` returns or raises; None if `stop` is set first, and then `work` is cancelled."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for `stop`; raises the error of a task, which is a fault of this program."""
    stopping = asyncio.create_task(stop.wait())
    try:
        running: set[asyncio.Task[Any]] = set(tasks)
        while not stop.is_set():
            done, _ = await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                task.result()
    finally:
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


def page_addresses(server: PageServer) -> list[str]:
    """The addresses to open; of a page on all addresses, that for other machines and localhost."""
    if server.host not in {"0.0.0.0", "::"}:  # noqa: S104 # compared, not listened on
        return [server.url_at(server.host)]
    hosts = [*_own_addresses(server.host), "localhost"]
    return [server.url_at(host) for host in dict.fromkeys(hosts)]


def _own_addresses(listen: str) -> list[str]:
    """The address from which this machine would reach others; none without a network."""
    family = socket.AF_INET6 if ":" in listen else socket.AF_INET
    unused = _UNUSED_IPV6 if ":" in listen else _UNUSED_IPV4
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(unused)
        host = str(probe.getsockname()[0])
        return [] if is_loopback(host) else [host]
    return []
