"""The servers that are compared: edgesegd, and other servers from their packages."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import psutil

from edgeseg_client import Client
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.shipped_client import ShippedClient

PEERS = ("mlserver", "pytriton", "litserve")
IN_FLIGHT = 4
JPEG, MASK = "frame.jpeg", "mask"
"""The files that a peer's client is given."""

SCRIPTS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(__file__).parents[1] / ".venv-peers"
STOP_SECONDS = 20.0
AGREEMENT = 0.995


Labels = npt.NDArray[np.uint8]


class CannotCompare(Exception):
    """A server does not start, or answers with other labels."""


class Server(Protocol):
    """A server that frames can be sent to."""

    name: str
    pid: int

    def frames_per_second(self, count: int) -> float:
        """Send that many frames, four in flight, and measure; raises CannotCompare."""

    def close(self) -> None:
        """End it."""


def installed(peer: str) -> bool:
    """Whether `make bench-peers` has made its environment."""
    return (ENVIRONMENTS / peer / ".ready").exists()


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory(pid: int) -> int:
    """Bytes of a process and its descendants; shared pages count once (PSS)."""
    return sum(process.memory_full_info().pss for process in family(pid))


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process and its descendants have used so far."""
    times = [process.cpu_times() for process in family(pid)]
    return float(sum(time.user + time.system for time in times))


class Edgesegd:
    """The daemon as `serve` starts it, with more `flags`, and the shipped client in a process."""

    def __init__(self, name: str, flags: list[str], mask: bytes, folder: Path) -> None:
        self.name = name
        self._stack = contextlib.ExitStack()
        daemon = self._stack.enter_context(LaunchedDaemon(*flags))
        self.pid = daemon.process.pid
        self._compare(daemon.address, folder / JPEG, np.frombuffer(mask, np.uint8))
        self._client = self._stack.enter_context(
            ShippedClient(daemon.address, folder / JPEG, "stream", IN_FLIGHT)
        )

    def _compare(self, address: str, jpeg: Path, expected: Labels) -> None:
        with Client(address) as client:
            labels = client.segment(jpeg, size="model").labels
        same = float(np.mean(labels.ravel() == expected))
        if same < AGREEMENT:
            raise CannotCompare(f"{self.name}: {same:.2%} of the naive pipeline's labels")

    def frames_per_second(self, count: int) -> float:
        """Over a stream of its own."""
        return count / sum(self._client.seconds(count))

    def close(self) -> None:
        """Stop the daemon and the client."""
        self._stack.close()


class Peer:
    """Another server, and a client of its own, from their own environment."""

    def __init__(self, peer: str, workers: int, threads: int, inputs: Inputs, folder: Path) -> None:
        self.name = f"{peer}, {workers} x {threads} threads"
        python, script = ENVIRONMENTS / peer / "bin/python", SCRIPTS / f"{peer}_peer.py"
        port = free_port()
        self._log = folder / f"{peer}-{workers}.log"
        command: list[str | Path] = [
            *(python, script, "serve", f"--model={inputs.model.path}", f"--port={port}"),
            *(f"--workers={workers}", f"--threads={threads}"),
        ]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        self.pid = self._server.pid
        self._client = subprocess.Popen(
            [
                *(python, script, "load", f"--port={port}", f"--in-flight={IN_FLIGHT}"),
                *(f"--jpeg={folder / JPEG}", f"--mask={folder / MASK}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        """Until it serves; raises CannotCompare."""
        self._load()

    def frames_per_second(self, count: int) -> float:
        """As its client counts them."""
        return float(self._load(f"{count}\n"))

    def _load(self, asked: str = "") -> str:
        """What its client says next."""
        stdin, stdout = self._client.stdin, self._client.stdout
        if stdin is None or stdout is None:
            raise CannotCompare(f"{self.name} has no client")
        stdin.write(asked)
        stdin.flush()
        if line := stdout.readline():
            return line
        raise CannotCompare(f"{self.name}:\n{self._log.read_text(errors='replace')}")

    def close(self) -> None:
        """End the client and the server, with whatever it leaves."""
        self._client.terminate()
        self._client.wait(STOP_SECONDS)
        processes = family(self.pid) if self._server.poll() is None else []
        self._server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(STOP_SECONDS)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait(STOP_SECONDS)
