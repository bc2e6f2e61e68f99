"""The entry point of the command `edgeseg`, which handles Ctrl-C during the imports too.

It is not in `edgeseg_client`, because importing a module of that package imports gRPC first.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

USAGE = 2
INTERRUPTED = 130
"""128 plus the number of SIGINT, the convention of shells."""


def main() -> int:
    """Runs the command with the arguments of this process; returns the exit status."""
    # Modules that are written in C may print an exception in the midst of their import, and go on.
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interrupts:
        signal.signal(signal.SIGINT, _leave)
    try:
        from edgeseg_client.cli import main as run_command  # noqa: PLC0415 # slow: imports gRPC
        from edgeseg_mqtt.arguments import MqttCommand  # noqa: PLC0415 # after gRPC's import

        if interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run_command(integrations=[MqttCommand()])
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        print("edgeseg: the command needs rich: pip install 'edgeseg[cli]'", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Ends at once: nothing is done yet."""
    os._exit(INTERRUPTED)
