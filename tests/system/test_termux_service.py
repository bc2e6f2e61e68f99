"""deploy/termux: its scripts in a folder that stands for Termux, with the real runit.

What is missing here is Android: `pkg` and `termux-wake-lock` write down that they were called, and
the runtime comes from this environment, as it comes from Termux's packages there.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pytest

from edgeseg_client import Client

PROJECT = Path(__file__).parents[2]
CALLED = ("pkg", "termux-wake-lock", "termux-wake-unlock")
STOP_SECONDS = 30.0

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]


class Termux:
    """A folder with what Termux has, as far as the scripts use it."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "usr"
        self.calls = folder / "calls"
        self.calls.touch()
        bin_ = self.prefix / "bin"
        bin_.mkdir(parents=True)
        for name in CALLED:
            (bin_ / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n')
            (bin_ / name).chmod(0o755)
        (bin_ / "sh").symlink_to("/bin/sh")
        (bin_ / "python").symlink_to(sys.executable)
        self.service = self.prefix / "var/service/edgesegd"
        self.options = self.prefix / "etc/edgesegd/options"
        kept = {name: value for name, value in os.environ.items() if "proxy" in name.lower()}
        self.environment = kept | {
            "HOME": str(folder / "home"),
            "PREFIX": str(self.prefix),
            "PATH": f"{bin_}:{os.environ['PATH']}:/usr/sbin",
        }
        (folder / "home").mkdir()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )

    def install(self) -> str:
        done = self.run("sh", str(PROJECT / "deploy/termux/install.sh"))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def supervised(self) -> Iterator[Callable[[str], str]]:
        """The service as Termux's runsvdir supervises it.

        Gives what reads its output up to the first line with a text.
        """
        shutil.rmtree(self.service / "log", ignore_errors=True)  # svlogger is Termux's
        with subprocess.Popen(
            ["runsv", str(self.service)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            output = cast(IO[str], process.stdout)

            def read_until(text: str) -> str:
                lines: list[str] = []
                while not lines or text not in lines[-1]:
                    lines.append(output.readline())
                    assert lines[-1], lines
                return "".join(lines)

            while not (self.service / "supervise/ok").exists():
                assert process.poll() is None
                time.sleep(0.05)
            try:
                yield read_until
            finally:
                process.terminate()  # runsv stops the service first
                process.wait(STOP_SECONDS)

    def sv(self, *command: str) -> str:
        done = self.run("sv", "-w", "60", *command, str(self.service))
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def termux(tmp_path_factory: pytest.TempPathFactory) -> Termux:
    if shutil.which("runsv") is None:
        pytest.skip("runit is missing; on Debian: apt install runit")
    termux = Termux(tmp_path_factory.mktemp("termux"))
    printed = termux.install()
    assert "sv-enable edgesegd" in printed
    with termux.options.open("a") as options:
        options.write(f"PYTHONPATH={sysconfig.get_path('purelib')}\n")
    return termux


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_the_script_is_for_termux_only() -> None:
    script = ["sh", str(PROJECT / "deploy/termux/install.sh")]
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("install.sh: this is not Termux; ")


def test_the_service_starts_when_it_is_enabled_and_not_before(termux: Termux) -> None:
    assert "pkg install -y python " in termux.calls.read_text()
    assert (termux.service / "down").exists()
    address = free_address()
    termux.environment["EDGESEG_LISTEN"] = address
    termux.environment["EDGESEG_METRICS_LISTEN"] = ""
    with termux.supervised() as read_until:
        assert termux.sv("status").startswith("down: ")
        (termux.service / "down").unlink()  # what sv-enable does
        termux.sv("up")
        assert "scenes" in read_until(" ready: ")
        with Client(address) as client:
            assert client.segment(PROJECT / "docs/scene.jpg").labels.any()
        assert "termux-wake-lock" in termux.calls.read_text()
        assert "termux-wake-unlock" not in termux.calls.read_text()
        assert "ok: down" in termux.sv("down")
        assert "termux-wake-unlock" in termux.calls.read_text()


def test_a_wrong_option_stops_the_service_and_is_not_tried_again(termux: Termux) -> None:
    before = termux.options.read_text()
    termux.options.write_text(f"{before}EDGESEG_MODEL=no-such-model\n")
    (termux.service / "down").unlink(missing_ok=True)
    try:
        with termux.supervised() as read_until:
            assert "no-such-model" in read_until("ended with status 5, which a restart cannot mend")
            # runsv reads the script's command a moment later; else it starts the service again.
            until = time.monotonic() + STOP_SECONDS
            while not (shown := termux.sv("status")).startswith("down: "):
                assert time.monotonic() < until, shown
                time.sleep(0.05)
    finally:
        termux.options.write_text(before)


def test_it_is_installed_anew_with_the_options_kept(termux: Termux) -> None:
    before = termux.options.read_text()
    printed = termux.install()
    assert "sv-enable edgesegd" in printed  # it does not run
    assert termux.options.read_text() == before


def test_the_boot_script_takes_the_lock_and_starts_the_services(termux: Termux) -> None:
    profile = termux.prefix / "etc/profile.d/start-services.sh"
    profile.parent.mkdir(parents=True)
    profile.write_text("echo services started\n")
    termux.calls.write_text("")
    boot = Path(termux.environment["HOME"]) / ".termux/boot/edgesegd"
    assert termux.run(str(boot)).stdout == "services started\n"
    assert termux.calls.read_text() == "termux-wake-lock \n"
