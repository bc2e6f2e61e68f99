"""The command `edgesegd` as a process; it imports little before it handles signals."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edgesegd.cli.early_signals import catch_early_signals


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `argv`, or that of this process; returns the exit status."""
    if argv is None:
        argv, serving = sys.argv[1:], sys.argv[1:2] == ["serve"]
        try:
            catch_early_signals(serving=serving)
            from edgesegd.cli.streams import prepare_streams  # noqa: PLC0415 # after the signals

            prepare_streams(serving=serving)
            return _run(argv)
        except KeyboardInterrupt:
            from edgesegd.cli.exit_codes import INTERRUPTED  # noqa: PLC0415 # as above

            return INTERRUPTED
    return _run(argv)


def _run(argv: Sequence[str]) -> int:
    # This import takes a tenth of a second, several on a small board.
    from edgesegd.cli.command import run_command  # noqa: PLC0415

    return run_command(argv)
