"""The command `edgeseg` as a process: Ctrl-C ends it well while Python still imports gRPC.

It is no part of `edgeseg_client`, for to import a part is to import all of that first.
"""

from __future__ import annotations

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


def main() -> int:
    """Run the command with the arguments of this process; the exit status."""
    try:
        from edgeseg_client.cli import main as run_command  # noqa: PLC0415 # takes a while

        return run_command()
    except KeyboardInterrupt:
        return INTERRUPTED
