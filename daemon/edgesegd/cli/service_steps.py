"""The commands that tell systemd about a service, and where they are not run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgesegd.cli.exit_codes import FAILED, OK
from edgesegd.cli.shipped_files import UNIT

RUNS = Path("/run/systemd/system")
"""Is there if systemd runs this machine; source: sd_booted(3)."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of systemd.

    Where the path `needs` is missing it has nothing to do, because of `without_it`. With `may_fail`
    the next one is run although it failed.
    """

    command: tuple[str, ...]
    needs: Path | None = None
    without_it: str = ""
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Systemd:
    """A service manager: `systemctl` are the words of its command, `environ` are set for it.

    It runs if the path `socket` is there; else `absent` says what is missing.
    """

    systemctl: tuple[str, ...]
    socket: Path
    absent: str
    environ: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> tuple[Step, ...]:
        """Load, enable and start the unit."""
        words = (("daemon-reload",), ("enable", UNIT), ("restart", UNIT))
        return tuple(Step((*self.systemctl, *each)) for each in words)

    def stop(self) -> tuple[Step, ...]:
        """Stop the unit and disable it."""
        return (Step((*self.systemctl, "disable", "--now", UNIT)),)

    def reload(self) -> tuple[Step, ...]:
        """Have it read its units again."""
        return (Step((*self.systemctl, "daemon-reload")),)

    def run(self, steps: Iterable[Step], *, here: bool, dry: bool) -> int:
        """Run steps until one fails, and say each; the exit status.

        They are only said with `dry`, if they are for another system than the one that is `here`,
        or if this service manager does not run.
        """
        why_not = ""
        if not here:
            why_not = "not run, because --root is another system"
        elif not self.socket.exists():
            why_not = f"not run, because {self.absent}"
        elif dry:
            why_not = "would run"
        for step in steps:
            if not self._run(step, why_not):
                return FAILED
        return OK

    def _run(self, step: Step, why_not: str) -> bool:
        """Run one step, unless there is a reason not to; whether the next one may be run."""
        shown = shlex.join(step.command)
        if not why_not and step.needs is not None and not step.needs.exists():
            why_not = f"not run, because {step.without_it}"
        if not why_not and shutil.which(step.command[0]) is None:
            why_not = f"not run, because {step.command[0]} is missing"
        if why_not:
            print(f"{why_not}: {shown}")
            return True
        print(f"running {shown}", flush=True)
        status = subprocess.run(
            step.command, check=False, env={**os.environ, **self.environ}
        ).returncode
        if status:
            print(f"edgesegd: {shown} ended with status {status}", file=sys.stderr)
        return not status or step.may_fail


SYSTEMD = Systemd(("systemctl",), RUNS, "systemd does not run this machine")


def user_systemd(environ: Mapping[str, str]) -> Systemd:
    """The service manager of this user, also where no login has set XDG_RUNTIME_DIR."""
    folder = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return Systemd(
        ("systemctl", "--user"),
        Path(folder) / "systemd" / "private",
        "no systemd of this user runs; log in as this user, or run loginctl enable-linger",
        {"XDG_RUNTIME_DIR": folder},
    )


def systemd_version() -> int:
    """Of this machine; 0 if it has none."""
    try:
        printed = subprocess.run(
            ["systemctl", "--version"],  # noqa: S607 # as the user's PATH has it
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return 0
    words = printed.split()
    return int(words[1]) if words[1:] and words[1].isdecimal() else 0
