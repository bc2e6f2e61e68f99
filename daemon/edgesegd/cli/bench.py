"""`edgesegd bench`: measures a daemon on this board."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.cli.exit_codes import FAILED
from edgesegd.cli.options import add_options, effective_config, only_model
from edgesegd.cli.tables import Table, print_table, print_text
from edgesegd.core.errors import ConfigError
from edgesegd.models.catalogue.repository import parse_source

if TYPE_CHECKING:
    from edgesegd.bench.board import Figure
    from edgesegd.bench.inputs import Inputs


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure this board",
        description="Measure a daemon on this board, over loopback: milliseconds and frames per "
        "second, and their ratios to calling the interpreter directly, measured in the same run. "
        "With an invoke of 10 ms this takes about half a minute. Nothing else should run then.",
    )
    parser.add_argument(
        "--image", type=Path, metavar="JPEG", help="picture to send (default: a drawn one)"
    )
    parser.add_argument(
        "--rounds", type=_count, default=5, help="rounds of each measurement (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = {"model", "delegate", "runtime", "threads", "data_dir"}
    add_options(parser, options, defaults={"delegate": "cpu"})
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {text}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    config = effective_config(args).config
    model = parse_source(only_model(config), Path(config.data_dir)).read().served
    # Imported here, so that the other commands need none of it.
    from edgesegd.bench.board import (  # noqa: PLC0415
        as_json,
        board_facts,
        busy_hint,
        default_threads,
        verdict,
    )
    from edgesegd.bench.inputs import drawn_inputs, pictured_inputs  # noqa: PLC0415
    from edgesegd.bench.streams import FrameFailed  # noqa: PLC0415

    try:
        inputs = drawn_inputs(model) if args.image is None else pictured_inputs(model, args.image)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--image {args.image} cannot be used: {error}") from None
    threads = config.threads or default_threads(config.runtime)
    given = [f"--threads={config.threads}"] if config.threads else []
    facts = board_facts(inputs, config.runtime, threads)
    flags = [f"--{name}={getattr(config, name)}" for name in ("delegate", "runtime")]
    flags += [f"--data-dir={config.data_dir}", *given]
    if args.config is not None:
        flags.append(f"--config={args.config}")
    if hint := busy_hint():
        print(f"edgesegd: {hint}; the figures will be worse", file=sys.stderr)
    try:
        figures = asyncio.run(_follow(inputs, flags, config.runtime, threads, args.rounds))
    except FrameFailed as error:
        print(f"edgesegd: a frame had no result, so nothing was measured: {error}", file=sys.stderr)
        return FAILED
    if args.json:
        print(json.dumps(as_json(facts, figures), indent=2, ensure_ascii=False))
    else:
        print_text(", ".join(f"{facts[name]}" for name in ("processor", "runtime", "inputs")))
        print_text(
            f"{facts['cores']} cores, {facts['threads']} threads; median (lowest to highest)"
        )
        print()
        print_table(_tabulate(figures))
        print()
        print_text(verdict(figures))
    return 0


async def _follow(
    inputs: Inputs, flags: list[str], runtime: str, threads: int, rounds: int
) -> list[Figure]:
    """All figures, of a daemon with `flags`; shows on a terminal what is being measured."""
    from rich.console import Console  # noqa: PLC0415 # only this command shows progress

    from edgesegd.bench.board import measure_board  # noqa: PLC0415

    console = Console(stderr=True)
    with console.status("") if console.is_terminal else nullcontext() as status:

        def announce(what: str) -> None:
            if status is not None:
                status.update(f"measuring {what}")

        measuring = measure_board(inputs, flags, runtime, threads, rounds=rounds, announce=announce)
        return [figure async for figure in measuring]


def _tabulate(figures: list[Figure]) -> Table:
    rows = []
    for figure in figures:
        spread = "" if figure.low == figure.high else f" ({figure.low:.2f} to {figure.high:.2f})"
        here = f"{figure.median:.2f}{f' {figure.unit}' if figure.unit else ''}{spread}"
        aim = f"{figure.aim} {figure.unit}".strip() if figure.aim else ""
        rows.append((figure.name, here, aim, figure.against))
    headings = ("figure", "here", "aim", "against")
    return Table(headings, rows, prose=frozenset({"figure", "against"}))
