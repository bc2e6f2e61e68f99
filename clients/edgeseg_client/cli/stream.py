"""`edgeseg stream`: sends pictures as a stream and measures it."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from contextlib import aclosing, nullcontext
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edgeseg_client.aio import AsyncClient
from edgeseg_client.cli.connect import open_client, read_options
from edgeseg_client.cli.exit_codes import ExitCode
from edgeseg_client.cli.pictures import name_results
from edgeseg_client.cli.results import write_result
from edgeseg_client.cli.source import open_folder, play
from edgeseg_client.summary import Summary


def run(arguments: Namespace) -> ExitCode:
    """Runs the stream, then prints its summary, also if Ctrl-C ended it."""
    pictures = open_folder(arguments.source)
    summary = Summary()
    try:
        # asyncio turns Ctrl-C into a cancellation, which takes effect only at an await.
        asyncio.run(_run_stream(pictures, arguments, summary))
        code = ExitCode.FRAMES_FAILED if summary.failed else ExitCode.OK
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    if arguments.json:
        print(json.dumps(summary.as_dict(), indent=2))
    else:
        Console(file=sys.stdout).print(_tabulate(summary))  # with a file, rich uses its encoding
    return code


async def _run_stream(pictures: list[Path], arguments: Namespace, summary: Summary) -> None:
    """Streams all pictures and counts every answer in the summary."""
    screen = Console(stderr=True)
    live = Live(
        get_renderable=lambda: _tabulate(summary),
        console=screen,
        transient=True,
        refresh_per_second=8,
    )
    async with open_client(arguments, AsyncClient) as client:
        with live if screen.is_terminal else nullcontext():
            await _stream(client, pictures, arguments, summary)


async def _stream(
    client: AsyncClient, pictures: list[Path], arguments: Namespace, summary: Summary
) -> None:
    names = name_results(pictures)
    classes = (await client.info()).model(arguments.model).classes if arguments.out else ()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    answers = client.stream(
        play(pictures, fps=arguments.fps, rounds=arguments.loop),
        policy=arguments.policy or ("latest" if arguments.fps else "every"),
        priority=arguments.priority,
        **read_options(arguments),
    )
    async with aclosing(answers):
        async for answer in answers:
            summary.add(answer)
            picture = answer.frame_id % len(pictures)
            if answer.failed:
                print(f"edgeseg: {pictures[picture]}: {answer.message}", file=sys.stderr)
            if arguments.out and answer.ok:
                write_result(
                    arguments.out, names[picture], pictures[picture], answer.result, classes
                )


def _tabulate(summary: Summary) -> Table:
    """The summary as a table."""
    table = Table(show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("frames", str(summary.frames))
    for status, count in sorted(summary.statuses.items()):
        table.add_row(f"  {status}", str(count))
    table.add_row("results per second", f"{summary.results_per_second:.1f}")
    for percentile in (50, 99):
        latency = summary.latency(percentile)
        table.add_row(
            f"latency p{percentile}", "-" if latency is None else f"{latency * 1000:.1f} ms"
        )
    table.add_row("model", summary.model or "-")
    table.add_row("delegate", summary.delegate or "-")
    return table
