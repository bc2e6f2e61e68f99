"""The unit file, as systemd reads it; and what the daemon tells systemd."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.running_daemon import RunningDaemon

UNIT = Path(__file__).parents[2] / "systemd" / "edgesegd.service"


@pytest.mark.system
def test_the_systemd_unit_is_valid(tmp_path: Path) -> None:
    """An unknown key only causes a warning, so there must be no output at all."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing; on Debian: apt install systemd")
    installed = Path(sys.executable).with_name("edgesegd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/edgeseg/bin/edgesegd", str(installed)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_daemon_notifies_systemd_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        with RunningDaemon(env={"NOTIFY_SOCKET": str(path)}):
            assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"STOPPING=1"
