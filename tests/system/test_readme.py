"""The commands of README's "Use it", as a newcomer types them, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pytest

ROOT = Path(__file__).parents[2]
DEFAULT_PORTS = (8460, 8461, 8462)
"""Of the daemon, its metrics and the page."""
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


class Terminals:
    """Terminals in the folder of the checkout, for a user with a home of their own."""

    def __init__(self, home: Path, checkout: Path) -> None:
        self.home = home
        self.checkout = checkout
        self.daemon: subprocess.Popen[str] | None = None
        bin_ = home / "bin"
        bin_.mkdir()
        sudo = bin_ / "sudo"  # root needs none, and others may have none
        sudo.write_text('#!/bin/sh\n[ "$(id -u)" = 0 ] || exit 0\nexec "$@"\n')
        sudo.chmod(0o755)
        system = f"{bin_}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        python = bin_ / "python3"
        python.symlink_to(sys.executable)
        kept = {name: value for name, value in os.environ.items() if "proxy" in name.lower()}
        self.env = kept | {
            "HOME": str(home),
            "PATH": system,
            "DEBIAN_FRONTEND": "noninteractive",
            "LANG": "C.UTF-8",
        }

    def type(self, lines: str) -> subprocess.CompletedProcess[str]:
        """Type commands into a new terminal."""
        return subprocess.run(
            ["bash", "-e"],
            input=lines,
            cwd=self.checkout,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def open(self, lines: str) -> subprocess.Popen[str]:
        """Type commands of which the last one runs until Ctrl-C."""
        *before, last = lines.splitlines()
        return subprocess.Popen(
            ["bash", "-ec", "\n".join([*before, f"exec {last}"])],
            cwd=self.checkout,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def run(self, lines: str) -> Iterator[subprocess.Popen[str]]:
        """Type commands of which the last one runs until the context ends: then press Ctrl-C."""
        with self.open(lines) as running:
            yield running
            running.send_signal(signal.SIGINT)
            cast(IO[str], running.stdout).read()
            assert running.wait(30) == 0

    def start_daemon(self, lines: str) -> None:
        """Type commands of which the last one serves, and wait until it does."""
        self.stop_daemon()
        self.daemon = self.open(lines)
        lines_read = []
        for line in cast(IO[str], self.daemon.stdout):
            lines_read.append(line)
            if " ready: " in line:
                return
        raise AssertionError("".join(lines_read))

    def stop_daemon(self) -> None:
        """Press Ctrl-C in the daemon's terminal."""
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGINT)
            assert self.daemon.wait(60) == 0
            cast(IO[str], self.daemon.stdout).close()
            self.daemon = None


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    home.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    terminals = Terminals(home, checkout)
    yield terminals
    terminals.stop_daemon()


def test_every_command_of_the_readme_does_what_it_says(
    terminals: Terminals, request: pytest.FixtureRequest
) -> None:
    for port in DEFAULT_PORTS:
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is in use here, and the README's commands need it")
    install, first, pull, own, camera = BLOCKS

    *installing, serve = install.splitlines()
    installed = terminals.type("\n".join(installing))
    assert installed.returncode == 0, installed.stderr
    terminals.start_daemon(f". ~/edgeseg/bin/activate\n{serve}")

    done = terminals.type(first)
    assert done.returncode == 0, done.stderr
    assert "model    scenes" in done.stdout
    assert "-> masks/scene.jpg.overlay.png: background" in done.stdout
    assert "It knows the drawn scenes" in done.stderr
    assert (terminals.checkout / "masks" / "scene.jpg.labels.png").is_file()

    activate = ". ~/edgeseg/bin/activate\n"
    fetch, serve = pull.splitlines()
    fetched = terminals.type(activate + fetch)
    models = terminals.home / ".local/share/edgeseg/models"
    if fetched.returncode:  # without the internet: the file, if it is here
        assert "deeplabv3" in fetched.stderr
        assert "Traceback" not in fetched.stderr
        real = request.getfixturevalue("shared_dir") / "models"
        models.mkdir(parents=True, exist_ok=True)
        shutil.copy(real / "deeplabv3_257_mv_gpu.tflite", models / "deeplabv3.tflite")
    terminals.start_daemon(activate + serve)
    shutil.copy(ROOT / "docs" / "scene.jpg", terminals.checkout / "photo.jpg")
    done = terminals.type(activate + own)
    assert done.returncode == 0, done.stderr
    assert (terminals.checkout / "masks" / "photo.jpg.overlay.png").is_file()

    stream, view = camera.splitlines()
    done = terminals.type(activate + stream)
    assert done.returncode == 3, "there is no camera here"
    assert "/dev/video0: No such file or directory" in done.stderr
    with terminals.run(activate + view) as shown:  # it waits for the camera, and says so
        lines = []
        while "http://" not in (line := cast(IO[str], shown.stdout).readline()):
            lines.append(line)
            assert line, lines
        address = line.split()[-1]
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"<html" in page.read()
