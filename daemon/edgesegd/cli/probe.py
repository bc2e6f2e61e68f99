"""`edgesegd probe`: tries every delegate, and shows which one is best and why."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import nullcontext
from math import isfinite
from pathlib import Path

from edgesegd.cli.options import add_options, effective_config, only_model
from edgesegd.cli.tables import Table, print_table, print_text
from edgesegd.core.errors import ConfigError
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.delegates.table import KNOWN
from edgesegd.models.catalogue.repository import parse_source
from edgesegd.models.spec import ModelSpec
from edgesegd.probe.candidates import Candidate
from edgesegd.probe.choice import STEP_SECONDS, Chooser
from edgesegd.probe.report import Finding, Verdict, count_threads

NONE_CHOSEN = 1


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "probe",
        help="try every delegate and show which one is best",
        description="Try every delegate that this board may have, each in a separate process: "
        "whether it loads, how many of the model's operators it takes, whether its masks agree "
        "with the CPU's, and how fast it is.",
    )
    parser.add_argument(
        "--delegate",
        dest="extra",
        action="append",
        default=[],
        metavar="PATH.so[:k=v,…]",
        help="a delegate to try in addition to the known ones; may be repeated",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=STEP_SECONDS,
        metavar="S",
        help="how long each step of a trial (loading, or one invoke) may take, in seconds; it is "
        "longer if invokes are slow on this board (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON (see docs/probe.md)")
    storing = parser.add_mutually_exclusive_group()
    storing.add_argument(
        "--remember",
        action="store_true",
        help="store the result: a daemon with the same model, runtime, threads, candidates and "
        "data folder starts with it",
    )
    storing.add_argument(
        "--forget",
        action="store_true",
        help="try nothing, but delete the stored result: the next daemon chooses again",
    )
    add_options(parser, {"model", "candidates", "runtime", "threads", "sandbox", "data_dir"})
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Try all delegates and print the findings; returns 1 if none can be chosen."""
    config = effective_config(args).config
    if not (isfinite(args.timeout) and args.timeout > 0):
        raise ConfigError(f"--timeout is a number of seconds above 0, not {args.timeout:g}")
    if args.remember and (args.extra or config.forced_delegate is not None):
        raise ConfigError(
            "--remember stores what a daemon would choose, so it needs the daemon's own options: "
            "add delegates with --candidates, for the daemon too, and do not force one"
        )
    pair = parse_source(only_model(config), Path(config.data_dir)).read()
    if pair.ignored:
        print(f"edgesegd: not used as the second file of a pair: {pair.ignored}", file=sys.stderr)
    forced = () if config.forced_delegate is None else (config.delegate,)
    chooser = Chooser(
        pair,
        runtime=config.runtime,
        threads=config.threads,
        extra=tuple(dict.fromkeys((*forced, *config.candidates, *args.extra))),
        folder=Path(config.data_dir),
        step_seconds=args.timeout,
        sandbox=config.sandbox,
    )
    if args.forget:
        return _forget(chooser)
    findings, disturbed = asyncio.run(_follow(chooser))
    if args.remember:
        _remember(chooser, findings, disturbed)
    if args.json:
        print(json.dumps(_report(pair.served, findings, disturbed), indent=2))
    else:
        print_text(f"delegates for {pair.served.name}:")
        print()
        print_table(_tabulate(findings))
    if disturbed:
        print(f"edgesegd: {disturbed}: on an idle board the choice may differ", file=sys.stderr)
    chosen = any(finding.verdict is Verdict.CHOSEN for finding in findings)
    return 0 if chosen else NONE_CHOSEN


def _remember(chooser: Chooser, findings: list[Finding], disturbed: str) -> None:
    if not any(finding.verdict is Verdict.CHOSEN for finding in findings):
        print("edgesegd: nothing is stored, for no delegate can be chosen", file=sys.stderr)
        return
    if why := chooser.store.save(chooser.best_of(findings, disturbed)):
        raise ConfigError(f"the result cannot be stored in {chooser.store.path}: {why}")
    print(f"edgesegd: stored in {chooser.store.path}", file=sys.stderr)


def _forget(chooser: Chooser) -> int:
    path = chooser.store.path
    try:
        known = chooser.store.delete()
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error}") from None
    print(f"deleted: {path}" if known else f"there is nothing to delete: no {path}")
    return 0


async def _follow(chooser: Chooser) -> tuple[list[Finding], str]:
    """All findings; shows on a terminal which candidate is being tried."""
    from rich.console import Console  # noqa: PLC0415 # only this command shows progress

    console = Console(stderr=True)
    with console.status("") if console.is_terminal else nullcontext() as status:

        def announce(candidate: Candidate) -> None:
            if status is not None:
                status.update(f"trying {_name(candidate.spec, candidate.threads)}")

        return await chooser.find(announce)


def _report(model: ModelSpec, findings: list[Finding], disturbed: str) -> dict[str, object]:
    return {
        "schema": 4,
        "disturbed": disturbed,
        "model": {"name": model.name, "path": str(Path(model.path)), "sha256": model.sha256},
        "findings": [finding.to_json() for finding in findings],
    }


def _tabulate(findings: list[Finding]) -> Table:
    rows = []
    for finding in findings:
        measured = finding.measured
        cells = ["", "", "", ""]
        if measured is not None:
            spread = f"{measured.seconds_p10 * 1e3:.1f} to {measured.seconds_p90 * 1e3:.1f}"
            cells = [
                f"{measured.delegated} of {measured.operators}" if measured.operators else "all",
                f"{measured.agreement:.2%}",
                f"{measured.seconds_p50 * 1e3:.1f} ({spread})",
                f"{measured.memory / 1e6:.0f}",
            ]
        name = _name(finding.delegate, finding.threads)
        rows.append((name, finding.verdict.value, *cells, finding.reason))
    headings = ("delegate", "verdict", "ops", "agrees", "ms (p10 to p90)", "MB", "why")
    return Table(headings, rows, prose=frozenset({"why"}))


def _name(delegate: DelegateSpec, threads: int) -> str:
    """A delegate's name; with threads for the CPU, and with options for a library of the user.

    There may be several delegates with the same name.
    """
    if delegate.is_cpu:
        return f"{delegate.name}, {count_threads(threads)}"
    if delegate.name in KNOWN:
        return delegate.name
    options = ",".join(f"{key}={value}" for key, value in delegate.options.items())
    return f"{delegate.name} ({options})" if options else delegate.name
