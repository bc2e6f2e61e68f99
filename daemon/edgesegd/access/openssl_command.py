"""Runs the system's `openssl`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import say_why

SECONDS: Final = 60.0


class OpensslFailed(Exception):
    """It ran and did not do what it was asked for; the text is its last line."""


def run_openssl(*arguments: str | Path) -> None:
    """Run `openssl`; raises OpensslFailed, and ConfigError if it cannot be run."""
    found = shutil.which("openssl")
    if found is None:
        raise ConfigError(
            "openssl is not on this machine, which makes certificates and checks signatures: "
            "apt install openssl (Termux: pkg install openssl-tool)"
        )
    command: Sequence[str] = [found, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = say_why(error) if isinstance(error, OSError) else "it does not end"
        raise ConfigError(f"openssl cannot be run: {why}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise OpensslFailed(said[-1] if said else "no reason")
