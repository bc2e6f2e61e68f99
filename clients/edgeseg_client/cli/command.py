"""Runs the command; prints expected errors as one line, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from edgeseg_client.cli import info, segment, stream
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.parser import build_parser
from edgeseg_client.cli.standard_streams import fault_tolerant_streams
from edgeseg_client.errors import (
    AccessDenied,
    EdgesegClientError,
    InvalidRequest,
    Unavailable,
    WrongAddress,
)

if TYPE_CHECKING:
    from argparse import Namespace

_COMMANDS: Final[dict[str, Callable[[Namespace], ExitCode]]] = {
    "segment": segment.run,
    "stream": stream.run,
    "info": info.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `edgeseg` with these arguments, or those of the process; returns the exit status.

    If standard output cannot be written, the command does its work nevertheless. The failure is
    reported at the end, and sets the exit status if the command itself succeeded.
    """
    with fault_tolerant_streams() as printed:
        try:
            code: int = _run(argv)
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


def _run(argv: Sequence[str] | None) -> ExitCode:
    arguments = build_parser().parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except (UsageError, EdgesegClientError, OSError) as error:
        code, advice = _explain(error, arguments.server)
        print(f"edgeseg: {advice}", file=sys.stderr)
    return code


def _explain(error: Exception, server: str) -> tuple[ExitCode, str]:
    """The exit status for an error, and a line that says what to do about it."""
    match error:
        case WrongAddress():
            return ExitCode.UNREACHABLE, f"no daemon serves gRPC at {server}: {error}"
        case Unavailable():
            return ExitCode.UNREACHABLE, (
                f"no daemon answers at {server} ({error}); start one with `edgesegd serve`,"
                " or say where it is with --server"
            )
        case AccessDenied():
            return ExitCode.USAGE, f"{error}; give the daemon's token in EDGESEG_TOKEN"
        case UsageError() | InvalidRequest():
            return ExitCode.USAGE, str(error)
        case _:
            return ExitCode.FRAMES_FAILED, str(error)
