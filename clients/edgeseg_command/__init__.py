"""The entry point of the command `edgeseg`, which handles Ctrl-C during the imports too.

It is not in `edgeseg_client`, because importing a module of that package imports gRPC first.
"""

from __future__ import annotations

INTERRUPTED = 130
"""128 plus the number of SIGINT, the convention of shells."""


def main() -> int:
    """Runs the command with the arguments of this process; returns the exit status."""
    try:
        from edgeseg_client.cli import main as run_command  # noqa: PLC0415 # slow: imports gRPC

        return run_command()
    except KeyboardInterrupt:
        return INTERRUPTED
