"""Parses the command line and runs the command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from edgesegd.cli import (
    bench,
    config,
    exit_codes,
    info,
    install_service,
    models,
    probe,
    serve,
    shipped_files,
    tls,
    tokens,
)
from edgesegd.cli.streams import OutputLost, to_devnull
from edgesegd.core.errors import StartupError
from edgesegd.version import __version__


def run_command(argv: Sequence[str]) -> int:
    """Parse and run; returns the exit status. For `serve`, ends the process."""
    serving = argv[:1] == ["serve"]
    status = _run(argv)
    if serving:
        _leave(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgesegd",
        description="Semantic segmentation over gRPC for edge boards.",
        epilog="`edgesegd serve` starts with a built-in model; `edgesegd models` lists others.",
    )
    parser.add_argument("--version", action="version", version=f"edgesegd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    board = (info, shipped_files, install_service)
    for command in (serve, probe, bench, models, tokens, tls, config, *board):
        command.add_parser(commands)
    return parser


def _run(argv: Sequence[str]) -> int:
    try:
        args = _parse(argv)
        status: int = args.run(args)
        sys.stdout.flush()
    except StartupError as error:
        print(f"edgesegd: {error}", file=sys.stderr)
        return exit_codes.exit_code(error)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:  # the reader of the output has closed it
        to_devnull(sys.stdout)
        return exit_codes.BROKEN_PIPE
    except OutputLost as error:
        print(f"edgesegd: the output cannot be written: {error.strerror}", file=sys.stderr)
        to_devnull(sys.stdout)
        return exit_codes.FAILED
    return status


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    try:
        return _parser().parse_args(argv)
    except SystemExit:  # the help or the version was shown
        sys.stdout.flush()
        raise


def _leave(status: int) -> None:
    """End the process at once: threads of gRPC 1.51 may keep the interpreter from exiting."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
