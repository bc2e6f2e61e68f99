"""The command `edgesegd`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from edgesegd.cli import bench, config, exit_codes, models, probe, serve
from edgesegd.core.errors import StartupError
from edgesegd.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="edgesegd",
        description="Semantic segmentation over gRPC for edge boards.",
        epilog="`edgesegd serve` starts with a built-in model; `edgesegd models` knows others.",
    )
    parser.add_argument("--version", action="version", version=f"edgesegd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, probe, bench, models, config):
        command.add_parser(commands)
    args = parser.parse_args(argv)
    status = _run(args)
    if args.run is serve.run:
        _leave(status)
    return status


def _run(args: argparse.Namespace) -> int:
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except StartupError as error:
        print(f"edgesegd: {error}", file=sys.stderr)
        return exit_codes.EXIT_CODES[type(error)]
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.BROKEN_PIPE
    return status


def _leave(status: int) -> None:
    """End at once: threads of gRPC 1.51 were seen to hold up the interpreter's own way out."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it
            stream.flush()
    os._exit(status)
