"""Connections and streams end after some time, if an operator wants clients to connect anew."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client
from support.calls import every, stub
from support.running_daemon import RunningDaemon
from support.tcp_proxy import TcpProxy

SECONDS = 1.5


@pytest.fixture(scope="module")
def aging() -> Iterator[RunningDaemon]:
    with RunningDaemon(f"--connection-seconds={SECONDS}") as running:
        yield running


async def test_calls_go_to_a_new_connection_after_that_time(
    aging: RunningDaemon, jpeg: bytes
) -> None:
    with TcpProxy(aging.address) as proxy:
        async with stub(proxy.address) as client:
            until = time.monotonic() + 4 * SECONDS
            while time.monotonic() < until:
                await client.SegmentImage(pb.SegmentImageRequest(frame=pb.Frame(data=jpeg)))
        assert proxy.connections >= 3


async def test_a_stream_ends_with_all_that_was_read_answered_and_says_why(
    aging: RunningDaemon, jpeg: bytes
) -> None:
    async with stub(aging.address) as client:
        call = client.Segment()
        await call.write(every())
        await call.write(pb.SegmentRequest(frame=pb.Frame(id=1, data=jpeg)))
        first = await call.read()
        assert isinstance(first, pb.SegmentResponse)
        assert first.status == pb.FRAME_STATUS_OK
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert f"the stream has lasted for the {SECONDS:g} s that one may" in str(ended.value.details())


def test_the_clients_stream_goes_on_and_loses_nothing(aging: RunningDaemon, jpeg: bytes) -> None:
    def paced() -> Iterator[bytes]:
        for _ in range(80):
            time.sleep(0.05)
            yield jpeg

    with Client(aging.address) as client:
        answers = list(client.stream(paced(), policy="every"))
    assert [answer.frame_id for answer in answers] == list(range(80))
    assert all(answer.ok for answer in answers)


def test_without_the_option_streams_stay(daemon: RunningDaemon, jpeg: bytes) -> None:
    def paced() -> Iterator[bytes]:
        yield jpeg
        time.sleep(2 * SECONDS)
        yield jpeg

    with Client(daemon.address, retry_for=0) as client:
        assert all(answer.ok for answer in client.stream(paced(), policy="every"))
