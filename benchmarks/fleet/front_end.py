"""What a proxy before the boards costs: its CPU time for each frame, measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from servers import free_port

from edgesegd.bench.launch import LaunchedDaemon
from fleet.cameras_process import RealCameras
from fleet.measure import FPS, SETTLE_SECONDS

PROJECT = Path(__file__).parents[2]
CAMERAS = 2
STOP_SECONDS = 30.0


def measure_proxies(
    jpeg: Path, flags: Sequence[str], folder: Path, *, seconds: float
) -> dict[str, float]:
    """Seconds of CPU time for each frame and its answer, by each proxy that is installed."""
    found = dict[str, float]()
    with LaunchedDaemon(*flags) as daemon:
        for name, command_for in PROXIES.items():
            program = _find(name)
            if program is not None:
                port = free_port()
                command = command_for(program, folder, port, daemon.address)
                found[name] = _measure(command, f"127.0.0.1:{port}", jpeg, seconds)
    return found


def _find(name: str) -> str | None:
    # Debian has HAProxy where only root's PATH leads; the Makefile installs Envoy.
    places = f"{PROJECT / '.venv-balancers/bin'}:{os.environ['PATH']}:/usr/sbin"
    return shutil.which(name, path=places)


def _haproxy(program: str, folder: Path, port: int, daemon: str) -> list[str]:
    text = (PROJECT / "deploy/haproxy/haproxy.cfg").read_text(encoding="utf-8")
    text = text.replace("bind :8460", f"bind 127.0.0.1:{port}")
    file = folder / "haproxy.cfg"
    file.write_text(re.sub(r"board-\d\.lan:8460", daemon, text), encoding="utf-8")
    return [program, "-db", "-f", str(file)]


def _envoy(program: str, folder: Path, port: int, daemon: str) -> list[str]:
    text = (PROJECT / "deploy/envoy/envoy.yaml").read_text(encoding="utf-8")
    text = text.replace("0.0.0.0, port_value: 8460", f"127.0.0.1, port_value: {port}")
    host = daemon.replace(":", ", port_value: ")
    file = folder / "envoy.yaml"
    file.write_text(re.sub(r"board-\d\.lan, port_value: 8460", host, text), encoding="utf-8")
    return [program, "-c", str(file), "--use-dynamic-base-id", "-l", "error"]


PROXIES: dict[str, Callable[[str, Path, int, str], list[str]]] = {
    "haproxy": _haproxy,
    "envoy": _envoy,
}
"""The proxies of docs/balancing.md, and how each is run with its file of deploy/."""


def _measure(command: Sequence[str], address: str, jpeg: Path, seconds: float) -> float:
    phases = [number / CAMERAS for number in range(CAMERAS)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as proxy:
        try:
            with RealCameras(address, jpeg, FPS, phases) as cameras:
                cameras.measure(SETTLE_SECONDS)
                pids = [proxy.pid, *(each.pid for each in psutil.Process(proxy.pid).children())]
                measured = cameras.measure(seconds, [pids])
        finally:
            proxy.terminate()
            proxy.wait(STOP_SECONDS)
    return measured.cpu[0] / measured.frames
