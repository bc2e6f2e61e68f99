"""The unit file and its drop-ins, as systemd reads them; and what the daemon tells systemd."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edgesegd.cli.exit_codes import EXIT_CODES
from edgesegd.config import Config
from edgesegd.core import errors
from support.running_daemon import RunningDaemon

PROJECT = Path(__file__).parents[2]
UNIT = PROJECT / "systemd" / "edgesegd.service"
USER_UNIT = PROJECT / "systemd" / "user" / "edgesegd.service"
PROXY = sorted((PROJECT / "systemd" / "on-demand").iterdir())
OF_USERS = {
    "EnvironmentFile=-%E/edgesegd.env",
    "Environment=EDGESEG_DATA_DIR=%h/.local/share/edgeseg",
    "RuntimeDirectoryMode=0700",
    "RestrictNamespaces=user mnt",
    "SystemCallFilter=unshare mount umount2 pivot_root mount_setattr capset",
    "WantedBy=default.target",
}
"""What only the unit of a user has; the unit of the machine gets namespaces by its generator."""
DROP_INS = sorted((PROJECT / "systemd" / "drop-ins").glob("*.conf"))
BACK_OFF = "back-off.conf"
"""Its keys came with a newer systemd."""
WRONG_USAGE = 2
MENDED_BY_A_RESTART = {
    EXIT_CODES[error]
    for error in (
        errors.CannotListen,
        errors.EngineStartFailed,
        errors.DeviceInUse,
        errors.DownloadFailed,
    )
}
"""The address comes, or is free; the device, the memory or the network is there again."""
OF_RELEASES = {
    EXIT_CODES[error] for error in (errors.ReleaseRefused, errors.ReleaseFailed, errors.ReleaseBusy)
}
"""Which the daemon itself never has."""
RELEASES = sorted((PROJECT / "systemd" / "releases").iterdir())


def analyze(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is missing; on Debian: apt install systemd")
    return subprocess.run(
        [found, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **env}
    )


def systemd_version() -> int:
    return int(analyze("--version").stdout.split()[1])


@pytest.mark.system
@pytest.mark.parametrize("drop_in", [None, *DROP_INS], ids=lambda path: path and path.name)
def test_the_systemd_unit_is_valid(tmp_path: Path, drop_in: Path | None) -> None:
    """An unknown key only causes a warning, so there must be no output at all."""
    if drop_in is not None and drop_in.name == BACK_OFF and systemd_version() < 254:
        pytest.skip("RestartSteps= needs systemd 254")
    installed = Path(sys.executable).with_name("edgesegd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/edgeseg/bin/edgesegd", str(installed)))
    if drop_in is not None:
        folder = tmp_path / f"{UNIT.name}.d"
        folder.mkdir()
        shutil.copy(drop_in, folder)
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
def test_the_unit_of_a_user_is_valid(tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("edgesegd")
    unit = tmp_path / UNIT.name
    unit.write_text(USER_UNIT.read_text().replace("/opt/edgeseg/bin/edgesegd", str(installed)))
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = analyze("--user", "verify", "--man=no", str(unit), **runtime)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_of_a_user_has_only_what_that_of_the_machine_has_too() -> None:
    lines = [set(each.read_text().splitlines()) for each in (USER_UNIT, UNIT)]
    of_user, of_machine = [{line for line in each if not line.startswith("#")} for each in lines]
    assert of_user - of_machine == OF_USERS


@pytest.mark.system
def test_the_units_that_start_the_daemon_on_demand_are_valid(tmp_path: Path) -> None:
    for each in PROXY:
        shutil.copy(each, tmp_path)
    installed = Path(sys.executable).with_name("edgesegd")
    text = UNIT.read_text().replace("/opt/edgeseg/bin/edgesegd", str(installed))
    (tmp_path / UNIT.name).write_text(text)
    done = analyze("verify", "--man=no", *(str(tmp_path / each.name) for each in PROXY))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
def test_the_units_that_install_releases_are_valid(tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("edgesegd")
    for each in (UNIT, *RELEASES):
        text = each.read_text().replace("/opt/edgeseg/bin/edgesegd", str(installed))
        (tmp_path / each.name).write_text(text)
    done = analyze("verify", "--man=no", *(str(tmp_path / each.name) for each in RELEASES))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
def test_the_unit_lets_the_daemon_do_little_else() -> None:
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_what_a_restart_cannot_mend_is_not_restarted() -> None:
    match = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert match is not None
    prevented = {int(status) for status in match[1].split()}
    assert prevented == {WRONG_USAGE, *EXIT_CODES.values()} - MENDED_BY_A_RESTART - OF_RELEASES


def test_the_page_on_running_lists_the_statuses_that_are_not_restarted() -> None:
    match = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert match is not None
    page = (PROJECT / "docs" / "running.md").read_text()
    named = re.search(r"exit statuses ([0-9, ]+) and ([0-9]+)\)", page)
    assert named is not None
    assert [*named[1].split(", "), named[2]] == match[1].split()


def test_every_exit_status_of_an_error_is_on_the_page_on_running() -> None:
    page = (PROJECT / "docs" / "running.md").read_text()
    listed = {int(status) for status in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)}
    assert {WRONG_USAGE, *EXIT_CODES.values()} <= listed


def seconds(key: str, file: Path = UNIT) -> float:
    return float(re.findall(rf"^{key}=(.*)$", file.read_text(), re.MULTILINE)[0])


def test_systemd_waits_longer_than_the_daemon_needs_for_its_start() -> None:
    steps = 3  # loading, a first invoke and a second one
    waits = seconds("Environment=EDGESEG_LISTEN_WAIT")
    assert seconds("TimeoutStartSec") > waits + steps * Config().engine_start_seconds


def test_engines_that_do_not_start_in_time_meet_the_limit_of_restarts() -> None:
    back_off = next(path for path in DROP_INS if path.name == BACK_OFF)
    longest = Config().engine_start_seconds + seconds("RestartMaxDelaySec", back_off)
    assert seconds("StartLimitBurst") * longest < seconds("StartLimitIntervalSec")


def test_an_address_that_comes_late_does_not_meet_the_limit_of_restarts() -> None:
    waits = seconds("Environment=EDGESEG_LISTEN_WAIT")
    assert seconds("StartLimitBurst") * waits > seconds("StartLimitIntervalSec")


def test_the_daemon_notifies_systemd_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
        with RunningDaemon(env=env):
            assert manager.recv(1000) == b"READY=1"
            for _ in range(3):
                fed, status = manager.recv(1000).decode().split("\n")
                assert fed == "WATCHDOG=1"
                assert re.fullmatch(r"STATUS=scenes \w+ on \w+; 0\.0 frames/s", status)
        while (last := manager.recv(1000)).startswith(b"WATCHDOG=1\n"):
            pass
        assert last == b"STOPPING=1"
