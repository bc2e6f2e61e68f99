"""`edgesegd info`: what this board offers, and what is in force."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from edgesegd.access.private_files import private_files
from edgesegd.cli.exit_codes import FAILED, OK
from edgesegd.cli.options import add_options, effective_config
from edgesegd.cli.tables import Table, print_table, print_text
from edgesegd.core.errors import EngineStartFailed, SandboxMissing
from edgesegd.sandbox.attempts import remove_written
from edgesegd.sandbox.kernel import landlock_version
from edgesegd.sandbox.machine import machine_of_process
from edgesegd.sandbox.sandbox import CPU, DRIVER, SandboxReport

ATTEMPTS_SECONDS = 60
REFUSED, POSSIBLE, NOT_TRIED = "refused", "possible", "not tried"

Found = dict[str, Any]
"""What the process that tried everything printed."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="show what protects this board from an engine",
        description="Show the sandbox of engines: what this kernel offers, and what is really in "
        "force. For that, processes in the same sandbox try what an attacker would. The exit "
        "status is 1 if something was possible, or a part of the sandbox is missing.",
    )
    parser.add_argument(
        "--security", action="store_true", required=True, help="the sandbox of engines"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_options(parser, {"sandbox", "data_dir", "tls_key", "tokens"})
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Try it and print the outcomes; returns 1 if something was possible, or a part is missing."""
    config = effective_config(args).config
    private = private_files(config.data_dir, config.tls_key, config.tokens)
    found = {profile: _try_all(config.sandbox, profile, *private) for profile in (CPU, DRIVER)}
    if args.json:
        print(json.dumps({"kernel": _kernel(), "sandbox": config.sandbox, **found}, indent=2))
    else:
        _print(config.sandbox, found)
    tried = [each["refused"] for profile in found.values() for each in profile["attempts"]]
    missing = any(profile["report"]["missing"] for profile in found.values())
    return FAILED if missing or False in tried else OK


def _kernel() -> Found:
    """What this system offers; `landlock` is the version of its ABI, 0 for none."""
    return {
        "release": platform.release(),
        "machine": platform.machine(),
        "landlock": landlock_version(),
        "seccomp_filter_known": machine_of_process() is not None,
    }


def _try_all(mode: str, profile: str, folder: str, *files: str) -> Found:
    """Let a process in the sandbox try everything; raises SandboxMissing or EngineStartFailed.

    The data folder and these files must not be readable.
    """
    command = [sys.executable, "-m", "edgesegd.sandbox.attempts", mode, profile, folder, *files]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=ATTEMPTS_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise EngineStartFailed(
            f"the process that tries the sandbox did not end within {ATTEMPTS_SECONDS} s"
        ) from None
    finally:
        remove_written(Path(folder))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        kind, _, why = last.partition(": ")
        if kind.endswith(SandboxMissing.__name__):
            raise SandboxMissing(why)
        raise EngineStartFailed(f"the process that tries the sandbox failed: {last}")
    found: Found = json.loads(done.stdout)
    return found


def _print(mode: str, found: dict[str, Found]) -> None:
    kernel = _kernel()
    landlock = kernel["landlock"]
    print_text(f"kernel: {kernel['release']}, {kernel['machine']}")
    print_text(f"Landlock: {f'ABI {landlock}' if landlock else 'none, or off'}")
    known = "known" if kernel["seccomp_filter_known"] else "not known"
    print_text(f"seccomp: a filter for this machine is {known}")
    print_text(f"option sandbox: {mode}")
    for profile, each in found.items():
        report = each["report"]
        print_text(f"in force: {SandboxReport(**report)}")
        for missing in report["missing"]:
            print_text(f"missing with {profile}: {missing}")
    print()
    attempts = zip(*(each["attempts"] for each in found.values()), strict=True)
    rows = [[of_all[0]["attempt"], *map(_outcome, of_all)] for of_all in attempts]
    headings = ["an engine tries to", "on the CPU", "with a driver"]
    print_table(Table(headings, rows, frozenset(headings)))
    if os.geteuid() != 0:
        print()
        print_text("Some of this is refused to this user anyway, without a sandbox.")


def _outcome(each: Found) -> str:
    word = {True: REFUSED, False: POSSIBLE, None: NOT_TRIED}[each["refused"]]
    return f"{word}: {each['how']}" if each["how"] else word
