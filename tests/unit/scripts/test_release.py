"""What must not be published is not released; and the version is in one place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgesegd import __version__

PROJECT = Path(__file__).parents[3]
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As much of the project as is looked at before anything is built, committed."""
    for name in ("scripts/make-release", "scripts/find-version", "daemon/edgesegd/version.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
        (tmp_path / name).chmod(0o755)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {__version__} (2026-12-01)\n\n- A\n")
    (tmp_path / "pyproject.toml").write_text('Repository = "https://somewhere.net/edgeseg"\n')
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=a"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def refusal(project: Path) -> str:
    """Why nothing is released."""
    done = subprocess.run(
        ["scripts/make-release", "--final", "python3", ".venv-release"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert not (project / "dist").exists()
    return done.stderr


def test_the_scripts_find_the_version_that_the_daemon_has() -> None:
    script = PROJECT / "scripts/find-version"
    assert subprocess.check_output([script], text=True) == f"{__version__}\n"


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("CHANGELOG.md", "## Unreleased\n\n- B\n", "CHANGELOG.md has lines under Unreleased"),
        ("CHANGELOG.md", "# Changelog\n", f"CHANGELOG.md has no section '## {__version__}'"),
        (
            "pyproject.toml",
            'Issues = "https://example.org/e"\n',
            "has placeholders in project.urls",
        ),
        ("new.py", "", "the working tree has changes that are not committed"),
    ],
)
def test_what_must_not_be_published_is_named_before_anything_is_built(
    project: Path, file: str, text: str, reason: str
) -> None:
    (project / file).write_text(text)
    assert reason in refusal(project)


def test_the_debian_packages_are_for_three_kinds_of_machines_only() -> None:
    done = subprocess.run(
        [PROJECT / "scripts/build-deb", "mips"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "none of amd64, arm64 and armhf" in done.stderr
