"""Boards of other machines, emulated here; `scripts/make-board-root` makes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.leftovers import VARIABLE as RUN_OF_TESTS
from support.running_daemon import RunningDaemon

PROJECT = Path(__file__).parents[2]
RUN = PROJECT / "scripts" / "run-on-board"
MAKE = PROJECT / "scripts" / "make-board-root"
VARIABLE = "EDGESEG_BOARDS"
"""The folder for the files of the boards."""


@dataclass(frozen=True)
class Board:
    """An emulated board: its files are in `root`, and the daemon in its folder /opt/`extra`.

    `folder` has the same path there and here. Its programs get `variables`.
    """

    root: Path
    extra: str
    folder: Path
    variables: Mapping[str, str]

    def command(self, *words: str, **variables: str) -> list[str]:
        """The command of this machine that runs a program of the daemon's environment there."""
        inherited = {name: os.environ[name] for name in (RUN_OF_TESTS, "PYTEST_CURRENT_TEST")}
        given = {**inherited, **self.variables, **variables}
        settings = [f"{name}={value}" for name, value in given.items()]
        program, *arguments = words
        here = [str(RUN), str(self.root), str(self.folder)]
        return [*here, *settings, f"/opt/{self.extra}/bin/{program}", *arguments]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the daemon's environment to its end."""
        return subprocess.run(
            self.command(*words, **variables), capture_output=True, text=True, check=False
        )

    def launch(self, *flags: str, **variables: str) -> RunningDaemon:
        """The board's daemon, ready; it remembers nothing."""
        command = self.command("edgesegd", EDGESEG_DATA_DIR=str(self.folder / "data"), **variables)
        return RunningDaemon(*flags, command=command)


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", folder, PROJECT], check=True)
    (wheel,) = folder.glob("edgeseg-*.whl")
    return wheel


def make_boards(names: Iterable[str], folder: Path) -> dict[str, Path]:
    """The files of these boards, with the wheel installed; the first time this takes minutes.

    The wheel is built in `folder`. Skips the test where nobody named a folder for the boards.
    """
    if VARIABLE not in os.environ:
        pytest.skip(f"make test-boards runs it: {VARIABLE} names no folder for emulated boards")
    if not can_emulate():
        pytest.skip("needs user namespaces with a binfmt_misc of their own: Linux 6.7")
    wheel = build_wheel(folder)
    roots = {name: Path(os.environ[VARIABLE]).resolve() / name for name in names}
    making = [subprocess.Popen([MAKE, name, root, wheel]) for name, root in roots.items()]
    assert [each.wait() for each in making] == [0] * len(roots)
    return roots


def can_emulate() -> bool:
    """Whether this kernel lets a namespace have programs of other machines."""
    mount = ["mount", "-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc"]
    unshare = ["unshare", "--user", "--map-root-user", "--mount", *mount]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(unshare, capture_output=True, check=False).returncode == 0
    )
