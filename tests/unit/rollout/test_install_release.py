"""What the script for hooks of updaters gives to the command, whatever its options file has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "rollout" / "install-release"
OPTIONS = """\
# a=comment
; another=comment
EDGESEG_MODEL=rooms;streets
EDGESEG_VIEW="front door"
EDGESEG_DEFAULT_MODEL='rooms'
  EDGESEG_LISTEN=$HOME \t
EDGESEG_TRACES=
no option
9=x
EDGESEG_MODELS=/srv/models"""
MEANT = {
    "EDGESEG_MODEL": "rooms;streets",
    "EDGESEG_VIEW": "front door",
    "EDGESEG_DEFAULT_MODEL": "rooms",
    "EDGESEG_LISTEN": "$HOME",
    "EDGESEG_TRACES": "",
    "EDGESEG_MODELS": "/srv/models",
    "EDGESEG_DATA_DIR": "/var/lib/edgeseg",
}


def run(
    folder: Path, does: str, *words: str | Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the script where the program edgesegd, in PATH, is a shell's script that does this."""
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "edgesegd"
    command.write_text(f"#!/bin/sh\n{does}\n")
    command.chmod(0o755)
    others = {name: text for name, text in os.environ.items() if not name.startswith("EDGESEG")}
    given = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "ROLLOUT_OPTIONS": str(folder / "options"),
        "TMPDIR": str(folder),
    }
    return subprocess.run(
        [SCRIPT, *words],
        env={**others, **given, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_options_are_read_as_systemd_reads_them_and_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "options").write_text(OPTIONS)
    done = run(tmp_path, "env", "/release", EDGESEGD=str(tmp_path / "bin" / "edgesegd"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    found = {name: text for name, _, text in lines if name.startswith("EDGESEG_")}
    assert found == MEANT


@pytest.mark.skipif(Path("/opt/edgeseg/bin/edgesegd").exists(), reason="that one would be run")
def test_without_an_environment_in_opt_the_command_of_the_package_is_run(tmp_path: Path) -> None:
    done = run(tmp_path, 'echo "$@"', "/release")
    expected = "models sync /release --key /etc/edgeseg/release-key.pub\n"
    assert (done.returncode, done.stdout) == (0, expected), done


def test_the_daemons_user_can_read_what_was_packed_for_its_owner_only(tmp_path: Path) -> None:
    release = tmp_path / "release"
    (release / "rooms").mkdir(parents=True)
    (release / "rooms" / "model.tflite").touch()
    (release / "rooms" / "model.tflite").chmod(0o4700)
    (release / "manifest.json").touch(0o600)
    for folder in (release / "rooms", release):
        folder.chmod(0o700)
    packed = tmp_path / "models.tar"
    subprocess.run(["tar", "-cf", packed, "-C", release, "."], check=True)
    done = run(tmp_path, 'cd "$3" && stat -c "%n %a" . * */*', packed)
    modes = dict(line.split() for line in done.stdout.splitlines())
    assert modes == {
        ".": "755",
        "rooms": "755",
        "rooms/model.tflite": "755",
        "manifest.json": "644",
    }
    assert not list(tmp_path.glob("release.*")), "it is removed"


def test_a_damaged_archive_has_the_status_of_a_release_that_cannot_be_fetched(
    tmp_path: Path,
) -> None:
    (tmp_path / "models.tar").write_bytes(b"no archive")
    assert run(tmp_path, "exit 0", tmp_path / "models.tar").returncode == 10
    assert not list(tmp_path.glob("release.*"))
