"""`edgeseg stream`: pictures through a real stream, measured."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edgeseg_client.blocking import Client
from edgeseg_client.cli.connect import open_client, read_options
from edgeseg_client.cli.exit_codes import ExitCode
from edgeseg_client.cli.pictures import name_results
from edgeseg_client.cli.results import write_result
from edgeseg_client.cli.source import open_folder, play
from edgeseg_client.summary import Summary


def run(arguments: Namespace) -> ExitCode:
    """Sends, shows how it goes, and prints the summary, even of a stream that Ctrl-C ended."""
    pictures = open_folder(arguments.source)
    with open_client(arguments) as client:
        summary = Summary()
        try:
            _follow(client, pictures, arguments, summary)
            code = ExitCode.FRAMES_FAILED if summary.failed else ExitCode.OK
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
    if arguments.json:
        print(json.dumps(summary.as_dict(), indent=2))
    else:
        Console().print(_tabulate(summary))
    return code


def _follow(client: Client, pictures: list[Path], arguments: Namespace, summary: Summary) -> None:
    """Streams to the end; every answer is in the summary."""
    names = name_results(pictures)
    classes = client.info().model(arguments.model).classes if arguments.out else ()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    answers = client.stream(
        play(pictures, fps=arguments.fps, rounds=arguments.loop),
        policy=arguments.policy or ("latest" if arguments.fps else "every"),
        **read_options(arguments),
    )
    screen = Console(stderr=True)
    live = Live(
        get_renderable=lambda: _tabulate(summary),
        console=screen,
        transient=True,
        refresh_per_second=8,
    )
    with live if screen.is_terminal else nullcontext():
        for answer in answers:
            summary.add(answer)
            picture = answer.frame_id % len(pictures)
            if answer.failed:
                print(f"edgeseg: {pictures[picture]}: {answer.message}", file=sys.stderr)
            if arguments.out and answer.ok:
                write_result(
                    arguments.out, names[picture], pictures[picture], answer.result, classes
                )


def _tabulate(summary: Summary) -> Table:
    """The summary for people."""
    table = Table(show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("frames", str(summary.frames))
    for status, count in sorted(summary.statuses.items()):
        table.add_row(f"  {status}", str(count))
    table.add_row("results a second", f"{summary.results_per_second:.1f}")
    for percentile in (50, 99):
        latency = summary.latency(percentile)
        table.add_row(
            f"latency p{percentile}", "-" if latency is None else f"{latency * 1000:.1f} ms"
        )
    table.add_row("model", summary.model or "-")
    table.add_row("delegate", summary.delegate or "-")
    return table
