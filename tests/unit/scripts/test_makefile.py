"""Which packages a target of the Makefile installs, and when."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As much of the project as `make` looks at, with no environment."""
    if shutil.which("make") is None:
        pytest.skip("no make; on Debian: apt install make")
    shutil.copy(PROJECT / "Makefile", tmp_path)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    (tmp_path / "tests").mkdir()
    for packages in (PROJECT / "tests").glob("*.txt"):
        shutil.copy(packages, tmp_path / "tests")
    (tmp_path / "deploy/grafana").mkdir(parents=True)
    shutil.copy(PROJECT / "deploy/grafana/requirements.txt", tmp_path / "deploy/grafana")
    (tmp_path / "clients/node").mkdir(parents=True)
    shutil.copy(PROJECT / "clients/node/package.json", tmp_path / "clients/node")
    return tmp_path


def installs(project: Path, target: str) -> list[str]:
    """What would be installed into .venv for a target, a line each."""
    make = shutil.which("make") or ""
    # Without what a `make test` around this one says.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        [make, "--dry-run", target, "PYTHON=python3", "PYTHON_TFLITE="],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "make-venv python3 .venv " in line]


def set_up(project: Path, *stamps: str) -> None:
    """The environment as the scripts leave it."""
    (project / ".venv").mkdir()
    for stamp in stamps:
        (project / ".venv" / stamp).touch()
    for file in ("Makefile", "pyproject.toml", "scripts/make-venv"):
        os.utime(project / file, (0, 0))


def test_the_demo_installs_only_what_runs(project: Path) -> None:
    assert installs(project, "demo") == ["scripts/make-venv python3 .venv '.[daemon]'"]


@pytest.mark.parametrize("target", ["test", "test-slow", "check"])
def test_developers_targets_install_all_of_it(project: Path, target: str) -> None:
    assert installs(project, target) == ["scripts/make-venv python3 .venv '.[daemon,dev,otel]'"]
    set_up(project, ".ready")
    assert installs(project, target) == ["scripts/make-venv python3 .venv '.[daemon,dev,otel]'"]


@pytest.mark.parametrize("target", ["demo", "test", "test-slow", "check", "bench"])
def test_nothing_is_installed_twice(project: Path, target: str) -> None:
    set_up(project, ".ready", ".ready-dev")
    assert installs(project, target) == []
    (project / ".venv" / ".ready-dev").unlink()
    assert installs(project, "demo") == []
