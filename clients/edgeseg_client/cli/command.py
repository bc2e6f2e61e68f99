"""Runs the command; prints expected errors as one line, without a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from edgeseg_client.cli import discover, info, replay, segment, stream, view
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.integration import Integration
from edgeseg_client.cli.parser import build_parser
from edgeseg_client.cli.standard_streams import fault_tolerant_streams
from edgeseg_client.errors import (
    AccessDenied,
    EdgesegClientError,
    InvalidRequest,
    SourceLost,
    Unavailable,
    WrongAddress,
    WrongSource,
)

if TYPE_CHECKING:
    from argparse import Namespace

_COMMANDS: Final[dict[str, Callable[[Namespace], ExitCode]]] = {
    "segment": segment.run,
    "stream": stream.run,
    "replay": replay.run,
    "view": view.run,
    "info": info.run,
    "discover": discover.run,
}


def main(argv: Sequence[str] | None = None, integrations: Sequence[Integration] = ()) -> int:
    """Runs `edgeseg` with these arguments, or those of the process; returns the exit status.

    `integrations` are the commands of other packages.

    If standard output cannot be written, the command does its work nevertheless. The failure is
    reported at the end, and sets the exit status if the command itself succeeded.
    """
    with fault_tolerant_streams() as printed:
        try:
            code: int = _run(argv, integrations)
        except SystemExit as ended:  # argparse has printed help or an error
            if printed.flush() is None or ended.code:
                raise
            code = ExitCode.OK
        failure = printed.flush()
        if failure is None or code:
            return code
        if isinstance(failure, BrokenPipeError):  # the reader, such as `head`, has closed the pipe
            return ExitCode.BROKEN_PIPE
        print(f"edgeseg: cannot write to standard output: {failure.strerror}", file=sys.stderr)
        return ExitCode.FRAMES_FAILED


def _run(argv: Sequence[str] | None, integrations: Sequence[Integration]) -> ExitCode:
    arguments = build_parser(integrations).parse_args(argv)
    commands = {**_COMMANDS, **{each.name: each.run for each in integrations}}
    logging.getLogger("edgeseg_client").handlers = [_StandardError()]
    try:
        return commands[arguments.command](arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except (UsageError, EdgesegClientError, OSError) as error:
        code, advice = _explain(error, arguments.server)
        print(f"edgeseg: {advice}", file=sys.stderr)
    return code


class _StandardError(logging.Handler):
    """Prints what the client logs, such as what it tries again, like the command's own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """As the base says."""
        if record.levelno >= logging.WARNING:
            print(f"edgeseg: {record.getMessage()}", file=sys.stderr)


def _explain(error: Exception, server: str) -> tuple[ExitCode, str]:
    """The exit status for an error, and a line that says what to do about it."""
    match error:
        case WrongAddress():
            return ExitCode.UNREACHABLE, f"no daemon serves gRPC at {server}: {error}"
        case Unavailable():
            return ExitCode.UNREACHABLE, (
                f"no daemon answers at {server} ({error}); start one with `edgesegd serve`,"
                " say where it is with --server, or give certificates if it uses TLS: --ca, and"
                " --cert if it asks for one"
            )
        case SourceLost():
            return ExitCode.UNREACHABLE, str(error)
        case AccessDenied():
            return ExitCode.USAGE, f"{error}; give the daemon's token in EDGESEG_TOKEN"
        case UsageError() | InvalidRequest() | WrongSource():
            return ExitCode.USAGE, str(error)
        case _:
            return ExitCode.FRAMES_FAILED, str(error)
