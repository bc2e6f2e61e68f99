"""Engines die and hang; streams stay open and every frame is answered."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime


@pytest.fixture
def own_daemon() -> Iterator[RunningDaemon]:
    running = RunningDaemon("--engine-answer-seconds=2")
    yield running
    assert running.stop() == 0


async def stream_with_fault(
    running: RunningDaemon, jpeg: bytes, number: int, *, count: int = 60, at: int = 20
) -> dict[int, pb.SegmentResponse]:
    """A stream of `count` frames; when frame `at` is answered, the engine gets a signal."""
    answers: dict[int, pb.SegmentResponse] = {}
    async with stub(running.address) as service:
        async for response in service.Segment(iter([every(), *frames([jpeg] * count)])):
            assert response.frame_id not in answers
            answers[response.frame_id] = response
            if response.frame_id == at:
                assert running.engine_pid is not None
                os.kill(running.engine_pid, number)
    return answers


async def test_killed_in_mid_stream(own_daemon: RunningDaemon, jpeg: bytes) -> None:
    first_engine = own_daemon.engine_pid
    answers = await stream_with_fault(own_daemon, jpeg, signal.SIGKILL)
    assert answers.keys() == set(range(60))
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert len({answer.segmentation.labels for answer in answers.values()}) == 1
    assert own_daemon.engine_pid not in (None, first_engine)
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="crash") == 1
    assert own_daemon.metric("edgeseg_engine_ready") == 1


async def test_hung_in_mid_stream(own_daemon: RunningDaemon, jpeg: bytes) -> None:
    answers = await stream_with_fault(own_daemon, jpeg, signal.SIGSTOP)
    assert answers.keys() == set(range(60))
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="hang") == 1


async def test_killed_again_and_again(own_daemon: RunningDaemon, jpeg: bytes) -> None:
    for _ in range(3):
        answers = await stream_with_fault(own_daemon, jpeg, signal.SIGKILL, count=8, at=2)
        assert answers.keys() == set(range(8))
        statuses = {answer.status for answer in answers.values()}
        assert statuses == {pb.FRAME_STATUS_OK}
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="crash") == 3


async def test_killed_while_idle_shows_in_health(own_daemon: RunningDaemon, jpeg: bytes) -> None:
    async with grpc.aio.insecure_channel(own_daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(
            health_pb2.HealthCheckRequest(service="edgeseg.v1.SegmentationService")
        )
        status = health_pb2.HealthCheckResponse
        assert (await watch.read()).status == status.SERVING
        assert own_daemon.engine_pid is not None
        os.kill(own_daemon.engine_pid, signal.SIGKILL)
        assert (await watch.read()).status == status.NOT_SERVING
        assert (await watch.read()).status == status.SERVING
    assert (await segment(own_daemon.address, frames([jpeg])))[0].status == pb.FRAME_STATUS_OK
