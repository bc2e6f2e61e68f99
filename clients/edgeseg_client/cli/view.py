"""`edgeseg view`: a page that shows sources with their masks, in a browser."""

from __future__ import annotations

import asyncio
import math
import ssl
from argparse import Namespace
from contextlib import ExitStack
from typing import Final

from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.listen_address import listen_address
from edgeseg_client.cli.stream import require_different_names
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.mjpeg import StandardInput
from edgeseg_client.sources.opening import open_source, require_one_reader, require_use
from edgeseg_client.sources.source import Source

PICTURES_FPS: Final = 1.0
"""How fast the pictures of a folder are shown, if nothing else is said."""


def run(arguments: Namespace) -> ExitCode:
    """Serves the page until Ctrl-C or SIGTERM."""
    try:
        from edgeseg_client.cli.view_page import run_page  # noqa: PLC0415 # aiohttp is in an extra
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise UsageError(
            "the page needs aiohttp: pip install 'edgeseg[view]' (Debian: apt install"
            " python3-aiohttp)"
        ) from None
    listen, tls = listen_address(arguments.listen), _tls(arguments)
    with ExitStack() as stack:
        sources = [stack.enter_context(source) for source in open_sources(arguments)]
        if arguments.with_parent and any(isinstance(one, StandardInput) for one in sources):
            raise UsageError("the daemon has no MJPEG on standard input; run `edgeseg view -`")
        asyncio.run(run_page(arguments, sources, listen, tls))
    return ExitCode.OK


def open_sources(arguments: Namespace) -> list[Source]:
    """The sources, which are played endlessly, as they were filmed or `PICTURES_FPS` a second."""
    sources = [_open(address, arguments) for address in arguments.source]
    require_different_names(sources)
    require_one_reader(sources)
    given = {"--fps": arguments.fps, "--camera-size": arguments.camera_size}
    if sources:
        require_use((option for option, value in given.items() if value is not None), sources)
    return sources


def _open(address: str, arguments: Namespace) -> Source:
    source = open_source(
        address,
        fps=arguments.fps,
        realtime=True,
        rounds=arguments.loop,
        size=arguments.camera_size,
        wait=math.inf,  # a camera may be plugged in later; the page says that it is missing
    )
    if isinstance(source, Pictures) and arguments.fps is None:
        return Pictures(source.name, source.pictures, fps=PICTURES_FPS, rounds=arguments.loop)
    return source


def _tls(arguments: Namespace) -> ssl.SSLContext | None:
    if arguments.page_cert is None:
        if arguments.page_key is not None:
            raise UsageError("--page-key needs --page-cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(arguments.page_cert, arguments.page_key)
    except OSError as error:  # ssl's are some of them
        files = " and ".join(
            str(file) for file in (arguments.page_cert, arguments.page_key) if file
        )
        raise UsageError(
            f"{files} cannot be used: {getattr(error, 'reason', '') or error.strerror or error};"
            " give a certificate and its key as PEM"
        ) from None
    return context
