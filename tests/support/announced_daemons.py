"""Daemons and `edgeseg discover` on the hosts of `two_hosts`, in a network with multicast."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from support.network import DEVICE, Cable, two_hosts

SECONDS = 60.0
OPEN = ("--insecure", "--tokens=none")
"""Flags of a daemon that anyone may use."""
GET = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())"
Value = TypeVar("Value")


@contextmanager
def hosts_with_multicast() -> Iterator[Cable]:
    """Two hosts in a network with multicast; skips where they cannot be made."""
    with two_hosts() as cable:
        for host in (cable.near, cable.far):
            subprocess.run([*host, "ip", "route", "add", "224.0.0.0/4", "dev", DEVICE], check=True)
        yield cable


@contextmanager
def serving(
    host: Sequence[str],
    data: Path,
    *flags: str,
    ports: tuple[int, int] = (8460, 9460),
    access: Sequence[str] = OPEN,
) -> Iterator[subprocess.Popen[str]]:
    """A daemon on a host, ready; it is stopped at the end.

    `ports` are of gRPC and metrics, `access` are its flags that say who may use it.
    """
    data.mkdir(exist_ok=True)
    listen = (f"--listen=0.0.0.0:{ports[0]}", f"--metrics-listen=0.0.0.0:{ports[1]}")
    program = (*host, sys.executable, "-m", "edgesegd")
    with subprocess.Popen(
        [*program, "serve", "--delegate=cpu", *access, *listen, *flags],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "EDGESEG_DATA_DIR": str(data)},
    ) as process:
        assert process.stdout is not None
        try:
            assert any(" ready: " in line for line in process.stdout), process.wait(30)
            yield process
        finally:
            process.terminate()


@contextmanager
def discovering(host: Sequence[str], *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`edgeseg discover` on a host."""
    with subprocess.Popen(
        [*host, sys.executable, "-m", "edgeseg_client", "discover", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def get(host: Sequence[str], url: str) -> str | None:
    """What a server answers on a host; None if it does not."""
    done = subprocess.run(
        [*host, sys.executable, "-c", GET, url], capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


def until(ask: Callable[[], Value], wanted: Callable[[Value], bool]) -> Value:
    """What `ask` returns once it is as wanted."""
    last = time.monotonic() + SECONDS
    while not wanted(value := ask()):
        assert time.monotonic() < last, value
        time.sleep(0.5)
    return value
