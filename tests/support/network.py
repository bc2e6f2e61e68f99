"""Two hosts on this machine: network namespaces with a cable between them that can be pulled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

NEAR, FAR = "10.231.0.1", "10.231.0.2"
"""The addresses of the two hosts; nothing outside their namespaces has a route to them."""


DEVICE = "cable"
RETRANSMISSION = re.compile(r"\brto:([0-9.]+)")
"""Milliseconds, doubled with each try; `ss -ti` of iproute2, tcpi_rto of tcp(7)."""
PACKETS = re.compile(r"\bcounter packets (\d+)")


class Cable:
    """The link between the hosts; `near` and `far` begin a command that runs on one of them."""

    def __init__(self, name: str) -> None:
        self.near = ("ip", "netns", "exec", f"{name}n")
        self.far = ("ip", "netns", "exec", f"{name}f")

    def pull(self) -> None:
        """Let no packet through, as if the cable was pulled out at the far host's switch."""
        _run(*self.near, "ip", "link", "set", DEVICE, "down")

    def plug(self) -> None:
        """Let packets through again."""
        _run(*self.near, "ip", "link", "set", DEVICE, "up")

    def lose(self, percent: int) -> None:
        """Lose some of the packets that arrive at either host, at random."""
        for host in (self.near, self.far):
            _run(*host, "nft", "add table ip loss")
            _run(*host, "nft", "add chain ip loss in { type filter hook input priority 0; }")
            lost = f"numgen random mod 100 < {percent} counter drop"
            _run(*host, "nft", f"add rule ip loss in {lost}")

    def lose_nothing(self) -> list[int]:
        """Undo `lose`; returns how many packets each host has lost."""
        lost = []
        for host in (self.near, self.far):
            lost.append(sum(map(int, PACKETS.findall(_run(*host, "nft", "list table ip loss")))))
            _run(*host, "nft", "delete table ip loss")
        return lost

    def retransmission_seconds(self) -> float:
        """The longest time after which TCP now sends again what was not acknowledged."""
        shown = (_run(*host, "ss", "-tinH") for host in (self.near, self.far))
        found = [float(each) for text in shown for each in RETRANSMISSION.findall(text)]
        return max(found, default=0.0) / 1000


@contextmanager
def two_hosts() -> Iterator[Cable]:
    """Two hosts with a cable between them; skips where they cannot be made."""
    missing = [name for name in ("ip", "nft") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(
            "needs root, and `apt-get install iproute2 nftables`: hosts are network namespaces"
        )
    name = f"eg{os.getpid()}"
    cable = Cable(name)
    with ExitStack() as undo:
        peer = ("peer", "name", DEVICE, "netns", f"{name}f")
        try:
            for host in ("n", "f"):
                _run("ip", "netns", "add", name + host)
                undo.callback(_run, "ip", "netns", "del", name + host)
            _run("ip", "link", "add", "name", DEVICE, "netns", f"{name}n", "type", "veth", *peer)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr}")
        for run_on, address in ((cable.near, NEAR), (cable.far, FAR)):
            _run(*run_on, "ip", "address", "add", f"{address}/24", "dev", DEVICE)
            for device in ("lo", DEVICE):
                _run(*run_on, "ip", "link", "set", device, "up")
        yield cable


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
