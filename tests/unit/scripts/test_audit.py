"""The audit of the dependencies, with a tool that answers as pip-audit does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/audit.py"
WEAK = {
    "name": "grpcio",
    "version": "1.0",
    "vulns": [{"id": "CVE-1", "fix_versions": ["1.1", "2.0"], "aliases": [], "description": ""}],
}
SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "edgeseg", "skip_reason": "not on the index"}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    return tmp_path


def audit(folder: Path, program: str, *lists: str) -> tuple[int, str]:
    """The status and the output, with a pip-audit that runs this shell program."""
    tool = folder / "bin/pip-audit"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{program}\n")
    tool.chmod(0o755)
    command = [sys.executable, str(SCRIPT), str(folder), str(folder), *lists]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def report(*packages: object) -> str:
    return f"echo '{json.dumps({'dependencies': packages, 'fixes': []})}'"


def test_packages_without_a_known_weakness_pass(environment: Path) -> None:
    status, output = audit(environment, report(SOUND, UNKNOWN), "list.txt")
    assert (status, output) == (0, "2 packages were looked up in the list of known weaknesses\n")


def test_a_weakness_is_named_with_what_mends_it(environment: Path) -> None:
    status, output = audit(environment, f"{report(SOUND, WEAK)}; exit 1")
    assert status == 1
    assert output.splitlines()[1:] == ["grpcio 1.0: CVE-1, mended in 1.1, 2.0"]


def test_without_the_service_it_says_loudly_that_nothing_was_looked_up(environment: Path) -> None:
    status, output = audit(environment, "echo 'ERROR: could not connect' >&2; exit 1")
    assert status == 0
    assert output.startswith("SKIPPED: the dependencies were NOT looked up in the list of known ")
    assert output.endswith(": ERROR: could not connect\n")


def test_a_mirror_that_has_no_such_list_is_no_audit(environment: Path) -> None:
    status, output = audit(environment, report(UNKNOWN, UNKNOWN))
    assert status == 0
    assert output.startswith("SKIPPED: ")
    assert output.endswith(": what answers knows none of 2 packages\n")


def test_a_service_that_is_lost_midway_hides_no_weakness_that_was_found(environment: Path) -> None:
    program = f'case "$*" in *--path*) {report(WEAK)};; esac; exit 1'
    status, output = audit(environment, program, "list.txt")
    assert status == 1
    assert "SKIPPED: " in output
    assert "grpcio 1.0: CVE-1" in output
