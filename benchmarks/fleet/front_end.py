"""What a proxy before the boards costs: its CPU time for each frame, measured."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil
from balancers import envoy_command, find_balancer, haproxy_command
from servers import free_port

from edgesegd.bench.launch import LaunchedDaemon
from fleet.cameras_process import RealCameras
from fleet.measure import FPS, SETTLE_SECONDS

CAMERAS = 2
BOARDS = 2
"""Of the configurations in deploy/; one daemon stands for all of them."""
STOP_SECONDS = 30.0


def measure_proxies(
    jpeg: Path, flags: Sequence[str], folder: Path, *, seconds: float
) -> dict[str, float]:
    """Seconds of CPU time for each frame and its answer, by each proxy that is installed."""
    found = dict[str, float]()
    with LaunchedDaemon(*flags) as daemon:
        for name, command_for in PROXIES.items():
            program = find_balancer(name)
            if program is not None:
                port = free_port()
                command = command_for(program, folder, port, BOARDS * [daemon.address])
                found[name] = _measure(command, f"127.0.0.1:{port}", jpeg, seconds)
    return found


PROXIES = {"haproxy": haproxy_command, "envoy": envoy_command}


def _measure(command: Sequence[str | Path], address: str, jpeg: Path, seconds: float) -> float:
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
