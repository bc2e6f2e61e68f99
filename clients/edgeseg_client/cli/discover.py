"""`edgeseg discover`: shows the daemons of this network, and lists them for Prometheus."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console

from edgeseg_client.cli.daemon_table import daemon_table, describe_change
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.listen_address import listen_address
from edgeseg_client.cli.outputs.new_files import naming
from edgeseg_client.cli.standard_streams import print_line, reader_is_gone
from edgeseg_client.discovery.find import load_browser
from edgeseg_client.discovery.found import Change, FoundDaemon
from edgeseg_client.discovery.network_watch import NetworkWatch
from edgeseg_client.discovery.target_file import SUFFIXES, publish_file
from edgeseg_client.discovery.target_server import TargetServer
from edgeseg_client.discovery.targets import write_targets
from edgeseg_client.errors import Unavailable

Publish: TypeAlias = Callable[[bytes], None]
_PIPE_COLUMNS: Final = 2000


def run(arguments: Namespace) -> ExitCode:
    """Lists the daemons once, or follows their changes until Ctrl-C or SIGTERM."""
    load_browser()
    try:
        return _run(arguments)
    except Unavailable as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return ExitCode.UNREACHABLE


def _run(arguments: Namespace) -> ExitCode:
    if not (arguments.watch or arguments.http_sd or arguments.file_sd):
        return asyncio.run(_list(arguments.wait, as_json=arguments.json))
    if arguments.json and not arguments.watch:
        raise UsageError("--http-sd and --file-sd print no daemons; with --json say --watch too")
    with ExitStack() as stack:
        publish: list[Publish] = []
        if arguments.file_sd is not None:
            publish.append(_file(arguments.file_sd))
        if arguments.http_sd is not None:
            server = stack.enter_context(_server(arguments.http_sd))
            print(f"targets on http://{server.address}/", file=sys.stderr)
            publish.append(server.publish)
        show = None
        if arguments.watch:
            show = _as_json if arguments.json else _as_text
        return asyncio.run(_follow(arguments.wait, show, publish))


async def _list(seconds: float, *, as_json: bool) -> ExitCode:
    async with load_browser()(lambda _: None) as browser:
        await asyncio.sleep(seconds)
        daemons = sorted(browser.daemons.values(), key=lambda each: each.name)
    if as_json:
        print(json.dumps([each.as_dict() for each in daemons], indent=2))
    elif daemons:
        _console().print(daemon_table(daemons))
    if not daemons:
        print(
            f"edgeseg: no daemon was found within {seconds:g} s; `edgesegd serve --announce`"
            " announces one",
            file=sys.stderr,
        )
    return ExitCode.OK if daemons else ExitCode.UNREACHABLE


def _console() -> Console:
    """Standard output; in a pipe, each row of a table is one line."""
    console = Console(file=sys.stdout)  # with a file, rich uses its encoding
    return console if console.is_terminal else Console(file=sys.stdout, width=_PIPE_COLUMNS)


class _Event(Enum):
    SETTLED = auto()
    """All daemons that are there were found."""
    STOPPED = auto()


async def _follow(
    seconds: float, show: Callable[[Change], None] | None, publish: list[Publish]
) -> ExitCode:
    """Show changes, and publish the targets from `seconds` on, when all daemons were found."""
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Change | _Event] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, events.put_nowait, _Event.STOPPED)
    watch = NetworkWatch(seconds, events.put_nowait, partial(events.put_nowait, _Event.SETTLED))
    watching = asyncio.create_task(watch.run())
    watching.add_done_callback(lambda _: events.put_nowait(_Event.STOPPED))
    settled, without_metrics = False, set[str]()
    try:
        while (event := await events.get()) is not _Event.STOPPED:
            if isinstance(event, _Event):
                settled = True
            elif show is not None:
                show(event)
                if reader_is_gone():
                    return ExitCode.BROKEN_PIPE
            if settled and publish:
                daemons = list(watch.daemons.values())
                without_metrics = _report(daemons, without_metrics)
                for each in publish:
                    each(write_targets(daemons))
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()  # raises why it ended
    return ExitCode.OK


def _report(daemons: Iterable[FoundDaemon], reported: set[str]) -> set[str]:
    """Print which daemons are no targets, unless they were `reported`; returns their names."""
    without = {each.name for each in daemons if each.metrics_address is None}
    for name in sorted(without - reported):
        print(f"edgeseg: {name} has no metrics that can be reached from here", file=sys.stderr)
    return without


def _server(address: str) -> TargetServer:
    try:
        return TargetServer(*listen_address(address))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {address}: {error.strerror}; choose another with --http-sd"
        ) from None


def _file(path: Path) -> Publish:
    if path.suffix not in SUFFIXES:
        raise UsageError(f"Prometheus does not read {path}: its name must end with .json")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")

    def publish(targets: bytes) -> None:
        try:
            publish_file(path, targets)
        except OSError as error:
            raise naming(path, error) from None

    return publish


def _as_json(change: Change) -> None:
    print_line(json.dumps({"event": change.kind, **change.daemon.as_dict()}))


def _as_text(change: Change) -> None:
    print_line(describe_change(change.kind, change.daemon))
