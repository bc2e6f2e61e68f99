"""What a client can make the daemon hold or do, with little means of its own."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc
from edgeseg_client import Client, Overloaded
from edgesegd.board.descriptors import ENOUGH
from edgesegd.board.oom import CHILDREN
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon


async def segment_compressed(address: str, picture: bytes) -> pb.SegmentImageResponse:
    """One image in a compressed message."""
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(
        address, options=options, compression=grpc.Compression.Gzip
    ) as channel:
        service = pb_grpc.SegmentationServiceStub(channel)
        request = pb.SegmentImageRequest(frame=pb.Frame(data=picture))
        answer: pb.SegmentImageResponse = await service.SegmentImage(request)  # type: ignore[misc]
        return answer


async def test_compressed_messages_are_refused_and_the_next_call_works(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    """63 KiB of them hold 63 MiB of zeros."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await segment_compressed(daemon.address, jpeg + bytes(1 << 20))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in (refused.value.details() or "")
    answers = await segment(daemon.address, [every(), *frames([jpeg])])
    assert answers[0].status == pb.FRAME_STATUS_OK


async def test_compressed_messages_are_taken_where_that_is_asked_for(jpeg: bytes) -> None:
    with RunningDaemon("--compression=accept") as running:
        assert (await segment_compressed(running.address, jpeg)).segmentation.labels


async def test_a_stream_with_endless_options_is_refused_at_once(
    daemon: RunningDaemon,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await segment(daemon.address, [every(classes=[0] * 1_000_000)])
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "1,000,000 classes" in (refused.value.details() or "")
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert info.models


def test_the_engine_and_not_the_front_ends_where_there_is_no_memory(
    daemon: RunningDaemon,
) -> None:
    def score(pid: int | None) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert score(daemon.engine_pid) == CHILDREN > score(daemon.process.pid)


def test_the_daemon_may_have_as_many_descriptors_as_the_system_allows(
    daemon: RunningDaemon,
) -> None:
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, ENOUGH) or hard == resource.RLIM_INFINITY


async def test_one_stream_too_many_is_refused_and_has_its_turn_when_another_ends(
    jpeg: bytes,
) -> None:
    """Of nine one connection has three, one address half."""
    with RunningDaemon("--max-streams=9") as running:
        async with stub(running.address) as service:
            calls = [service.Segment() for _ in range(3)]
            for call in calls:
                await call.write(every())
                await call.initial_metadata()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await service.Segment(iter([every()])).read()
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "can have 9 streams: 3 are in use, 3 of them by this client" in (
                refused.value.details() or ""
            )
            assert ("grpc-retry-pushback-ms", "1000") in tuple(refused.value.trailing_metadata())
            await calls[0].done_writing()
            assert await calls[0].code() is grpc.StatusCode.OK
            answer = await service.Segment(iter([every(), *frames([jpeg])])).read()
            assert isinstance(answer, pb.SegmentResponse)
            assert answer.status == pb.FRAME_STATUS_OK


def test_the_client_waits_for_its_stream_while_there_are_too_many(jpeg: bytes) -> None:
    with RunningDaemon("--max-streams=1") as running:
        with Client(running.address) as client, Client(running.address) as other:
            held = threading.Event()

            def frames_of_one() -> Iterator[bytes]:
                yield jpeg
                held.wait()

            first = client.stream(frames_of_one(), policy="every")
            assert next(first).ok
            threading.Timer(0.3, held.set).start()
            assert [answer.status for answer in other.stream([jpeg], policy="every")] == ["ok"]
            assert not list(first)
            first.close()
        with Client(running.address, retry_for=0.2) as client, Client(running.address) as other:
            held.clear()
            first = other.stream(frames_of_one(), policy="every")
            assert next(first).ok
            with pytest.raises(Overloaded, match="can have 1 streams"):
                list(client.stream([jpeg], policy="every"))
            held.set()
            assert not list(first)
