"""Connections without an admitted call do not take the places of others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import AsyncClient, Client
from support.access import add_token
from support.calls import stub
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters are the kernel's")

MAXIMUM = 40
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""The beginning of an HTTP/2 connection (RFC 9113, 3.4), with empty settings."""
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Without it gRPC's channels to one address share a connection."""
ATTACKER = "127.0.0.2"
SECONDS = 30.0


@pytest.fixture
def crowded(launch: Launch) -> RunningDaemon:
    return launch(f"--max-connections={MAXIMUM}")


@contextlib.contextmanager
def connections(running: RunningDaemon, count: int, source: str) -> Iterator[list[socket.socket]]:
    """Connections that say as much as a client does before its first call."""
    host, _, port = running.address.rpartition(":")
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = socket.create_connection((host, int(port)), SECONDS, (source, 0))
            stack.enter_context(connection)
            connection.sendall(PREFACE)
            connection.settimeout(0.001)
            opened.append(connection)
        yield opened


def is_closed(connection: socket.socket) -> bool:
    """Whether the daemon has closed it."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def wait_until(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + 5.0
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_an_address_with_too_many_silent_connections_loses_them_and_others_get_in(
    crowded: RunningDaemon, jpeg: bytes
) -> None:
    with Client(crowded.address) as present:
        present.segment(jpeg)
        with connections(crowded, 3 * MAXIMUM // 4, ATTACKER) as silent:
            wait_until(lambda: all(map(is_closed, silent)))
            present.segment(jpeg)
            with Client(crowded.address) as newcomer:
                newcomer.segment(jpeg, timeout=SECONDS)
    assert crowded.metric("edgeseg_limits_met_total", limit="connections") == 1


def test_silent_connections_that_leave_enough_for_others_stay(crowded: RunningDaemon) -> None:
    with connections(crowded, MAXIMUM // 2 - 2, ATTACKER) as silent:
        time.sleep(2.5)
        assert not any(map(is_closed, silent))


async def test_connections_with_calls_stay_though_there_are_many(
    crowded: RunningDaemon, jpeg: bytes
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3 * MAXIMUM // 4):
            client = await stack.enter_async_context(stub(crowded.address, OWN_CONNECTION))
            await client.SegmentImage(pb.SegmentImageRequest(frame=pb.Frame(data=jpeg)))
        await asyncio.sleep(2.5)
    assert crowded.metric("edgeseg_limits_met_total", limit="connections") == 0


@pytest.mark.slow
async def test_a_call_without_a_token_keeps_no_connection(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    tokens = tmp_path / "tokens.json"
    token = add_token(tokens, "robot")
    flags = (f"--max-connections={MAXIMUM}", f"--tokens={tokens}", "--public=metrics")
    running = launch(*flags)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3 * MAXIMUM // 4):
            client = await stack.enter_async_context(stub(running.address, OWN_CONNECTION))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.GetServerInfo(pb.GetServerInfoRequest())
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await asyncio.sleep(2.0)
        # It has the attackers' address, so it has to wait until that is admitted again.
        async with AsyncClient(running.address, token=token) as robot:
            await robot.segment(jpeg, timeout=SECONDS)
    assert running.metric("edgeseg_limits_met_total", limit="connections") == 1
