"""An address that the machine gets after the daemon was started, as at a boot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pytest

from support.network import DEVICE, two_hosts

pytestmark = pytest.mark.system

LATE = "10.231.0.9"


@contextmanager
def started(host: Sequence[str], *flags: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The daemon on a host, and its output; it does not need to become ready."""
    serve = ("-m", "edgesegd", "serve", "--insecure", "--metrics-listen=")
    with subprocess.Popen(
        [*host, sys.executable, *serve, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "EDGESEG_TOKENS": "none"},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def waiting(output: IO[str]) -> str:
    """The line that says for what the daemon waits."""
    return next(line for line in output if "waiting for" in line)


def test_the_daemon_waits_for_an_address_that_the_machine_gets_later() -> None:
    with (
        two_hosts() as cable,
        started(cable.near, f"--listen={LATE}:8460", "--listen-wait=60") as (daemon, output),
    ):
        assert f"waiting for at most 60 s: cannot listen on {LATE}:8460" in waiting(output)
        subprocess.run(
            [*cable.near, "ip", "address", "add", f"{LATE}/24", "dev", DEVICE], check=True
        )
        assert f"listening on {LATE}:8460\n" in output
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


def test_a_signal_ends_the_wait_for_an_address() -> None:
    with (
        two_hosts() as cable,
        started(cable.near, f"--listen={LATE}:8460", "--listen-wait=60") as (daemon, output),
    ):
        assert waiting(output)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


def test_an_address_that_does_not_come_is_an_error_after_the_wait() -> None:
    with (
        two_hosts() as cable,
        started(cable.near, f"--listen={LATE}:8460", "--listen-wait=1.5") as (daemon, output),
    ):
        lines = output.readlines()
        assert daemon.wait(30) == 4
        assert f"{LATE} is not an address of this machine" in lines[-1]
        assert [LATE in line for line in lines if "waiting for" in line] == [True]


def test_an_address_in_use_is_not_waited_for() -> None:
    taken = ("--listen=127.0.0.1:8460", "--listen-wait=60")
    with two_hosts() as cable, started(cable.near, *taken) as (_, first):
        assert "listening on 127.0.0.1:8460\n" in first
        with started(cable.near, *taken) as (second, output):
            assert [line for line in output if "waiting" in line or "is in use" not in line] == []
            assert second.wait(30) == 4
