"""The set-up names what a machine lacks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "make-venv"


@pytest.mark.parametrize(
    ("fails_at", "reason"),
    [
        ("version_info", "needs Python 3.11 or newer"),
        ("ensurepip", "apt install python3-venv"),
    ],
)
def test_make_venv_names_what_the_machine_lacks(tmp_path: Path, fails_at: str, reason: str) -> None:
    """A Python whose `-c` program fails that asks for `fails_at`."""
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{fails_at}*) exit 1;; esac\n')
    python.chmod(0o755)
    done = subprocess.run(
        [SCRIPT, python, tmp_path / "venv", "."], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()
