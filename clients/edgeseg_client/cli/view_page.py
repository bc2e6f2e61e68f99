"""Builds the page of `edgeseg view` and runs it; imports aiohttp."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.cli.connect import (
    open_client,
    print_note,
    read_options,
    require_masks_of_the_frame,
)
from edgeseg_client.info import ModelInfo
from edgeseg_client.options import Size
from edgeseg_client.sources.source import Source
from edgeseg_client.view.access import is_loopback, new_token, read_token
from edgeseg_client.view.changes import Changes
from edgeseg_client.view.daemon_watch import DaemonWatch
from edgeseg_client.view.feed import MAX_AGE_SECONDS
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.serve import show_page, stop_on_signals, unless_stopped
from edgeseg_client.view.server import PageServer

ENLARGED: Final = 2
MAX_ENLARGED: Final = 640
"""Masks are this many times as large as the model's, if no side is longer than that many pixels
then: scaled by the browser, the edges of the model's own would be stairs on a large screen."""


async def run_page(
    arguments: Namespace,
    sources: Sequence[Source],
    listen: tuple[str, int],
    tls: ssl.SSLContext | None,
) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Raises the client's errors, or `OSError` if the token cannot be read.
    """
    stop, changes = stop_on_signals(), Changes()
    if arguments.with_parent:
        _stop_with_parent(stop)
    token, hint = _token(arguments, listen[0])
    async with open_client(arguments, AsyncClient) as client:
        info = await unless_stopped(stop, client.info())  # within --wait, or never
    if info is None:
        return
    model = info.model(arguments.model)
    options = _options(arguments, model)
    streams = {**options, "priority": arguments.priority}
    async with (
        open_client(arguments, AsyncClient, retry_for=math.inf) as client,
        open_client(arguments, AsyncClient, retry_for=0.0) as asking,
    ):
        watch = DaemonWatch(asking, info, arguments.model, changes)
        slow = 3 / arguments.fps if arguments.fps else 0.0
        names = [source.name for source in sources]
        hub = Hub(names, watch, changes, max_age=max(MAX_AGE_SECONDS, slow))
        server = PageServer(
            hub,
            client,
            options=options,
            streams=streams,
            host=listen[0],
            port=listen[1],
            token=token,
            tls=tls,
        )
        if not arguments.with_parent:  # the daemon has said it
            print_note(model)
        await show_page(
            hub,
            server,
            client,
            sources,
            streams=streams,
            stop=stop,
            announce=lambda address: print(f"view on {address}{hint}", flush=True),
        )


def _token(arguments: Namespace, host: str) -> tuple[str | None, str]:
    """The page's token, and what is printed of it after the page's address.

    It is that of the file, or a new one if other machines can connect. That of a file is not
    printed: it is used for long, and what a service prints is kept in a journal.
    """
    if arguments.token_file is not None:
        return read_token(arguments.token_file), f", with the token in {arguments.token_file}"
    if is_loopback(host):
        return None, ""
    token = new_token()
    return token, f"?token={token}"


def _options(arguments: Namespace, model: ModelInfo) -> dict[str, Any]:
    """The options of streams and of single pictures; the browser scales masks to the picture."""
    options: dict[str, Any] = {**read_options(arguments), "outputs": ("labels",)}
    require_masks_of_the_frame(arguments)
    if arguments.size is None:
        # With the other ways to fit a frame, the model's output does not cover the whole frame.
        options["size"] = "frame" if arguments.resize != "stretch" else _finer(model.output_size)
    return options


def _finer(size: tuple[int, int]) -> Size:
    if max(size) * ENLARGED > MAX_ENLARGED:
        return "model"
    return size[0] * ENLARGED, size[1] * ENLARGED


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, as it does with the process that started this one."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 1024):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, read)
