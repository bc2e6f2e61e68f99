"""From the command line to an exit status; no error that is expected shows a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from edgeseg_client.cli import info, segment, stream
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.parser import build_parser
from edgeseg_client.errors import AccessDenied, EdgesegClientError, InvalidRequest, Unavailable

if TYPE_CHECKING:
    from argparse import Namespace

_COMMANDS: Final[dict[str, Callable[[Namespace], ExitCode]]] = {
    "segment": segment.run,
    "stream": stream.run,
    "info": info.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `edgeseg` with these arguments, or those of the process; returns the exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        code = _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except Unavailable as error:
        return _fail(
            ExitCode.UNREACHABLE,
            f"no daemon answers at {arguments.server} ({error}); start one with `edgesegd serve`,"
            " or say where it is with --server",
        )
    except AccessDenied as error:
        return _fail(ExitCode.USAGE, f"{error}; give the daemon's token in EDGESEG_TOKEN")
    except (UsageError, InvalidRequest) as error:
        return _fail(ExitCode.USAGE, str(error))
    except (EdgesegClientError, OSError) as error:
        return _fail(ExitCode.FRAMES_FAILED, str(error))
    return code


def _fail(code: ExitCode, message: str) -> ExitCode:
    print(f"edgeseg: {message}", file=sys.stderr)
    return code
