"""A network with a delay of 100 ms each way."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from statistics import median

import pytest

from edgeseg_client import Client
from support.running_daemon import RunningDaemon
from support.tcp_proxy import TcpProxy

DELAY_SECONDS, COUNT = 0.1, 40


@pytest.mark.slow
def test_a_delay_costs_its_round_trip_once_and_not_for_each_frame(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    """Frames of a stream are under way at the same time."""
    with (
        TcpProxy(daemon.address, delay_seconds=DELAY_SECONDS) as far,
        Client(far.address, timeout=30) as client,
    ):
        times = [time.monotonic()]
        for answer in client.stream([jpeg] * COUNT, policy="every"):
            assert answer.ok
            times.append(time.monotonic())
    assert len(times) == COUNT + 1
    first, between = times[1] - times[0], median(b - a for a, b in pairwise(times[1:]))
    sys.stdout.write(f"first answer after {first:.2f} s, then every {between * 1000:.0f} ms\n")
    assert first >= 2 * DELAY_SECONDS
    assert between < DELAY_SECONDS
