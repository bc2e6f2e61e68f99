"""Engines die and hang; streams stay open and every frame is answered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from support.calls import every, frames, segment, segment_in_step, stub
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

    def answered(response: pb.SegmentResponse) -> None:
        if response.frame_id == at:
            assert running.engine_pid is not None
            os.kill(running.engine_pid, number)

    requests = [every(), *frames([jpeg] * count)]
    return await segment_in_step(running.address, requests, answered)


async def test_an_engine_killed_in_mid_stream_costs_no_frame(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
    first_engine = own_daemon.engine_pid
    answers = await stream_with_fault(own_daemon, jpeg, signal.SIGKILL)
    assert answers.keys() == set(range(60))
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert len({answer.segmentation.labels for answer in answers.values()}) == 1
    assert own_daemon.engine_pid not in (None, first_engine)
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="crash") == 1
    assert own_daemon.metric("edgeseg_engine_ready") == 1


async def test_an_engine_that_hangs_in_mid_stream_costs_no_frame(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
    answers = await stream_with_fault(own_daemon, jpeg, signal.SIGSTOP)
    assert answers.keys() == set(range(60))
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="hang") == 1


async def test_an_engine_killed_again_and_again_costs_no_frame(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
    for _ in range(3):
        answers = await stream_with_fault(own_daemon, jpeg, signal.SIGKILL, count=8, at=2)
        assert answers.keys() == set(range(8))
        statuses = {answer.status for answer in answers.values()}
        assert statuses == {pb.FRAME_STATUS_OK}
    assert own_daemon.metric("edgeseg_engine_restarts_total", cause="crash") == 3


async def test_an_engine_killed_while_idle_shows_in_health(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
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


async def test_a_model_replaced_on_disk_is_not_served_in_the_place_of_the_old_one(
    tmp_path: Path, jpeg: bytes
) -> None:
    original = resolve_model(BUILTIN, tmp_path)
    model = tmp_path / "mine.tflite"
    model.write_bytes(original.read_bytes())
    model.with_suffix(".toml").write_bytes(original.with_suffix(".toml").read_bytes())
    with RunningDaemon(f"--model={model}") as running:
        model.write_bytes(original.read_bytes() + b"\0")
        assert running.engine_pid is not None
        os.kill(running.engine_pid, signal.SIGKILL)
        answers = await segment(running.address, [every(), *frames([jpeg])])
    assert answers[0].status == pb.FRAME_STATUS_OK
    assert answers[0].segmentation.model_version == sha256(original.read_bytes()).hexdigest()[:12]


FEW = 8
"""Descriptors: fewer than the daemon has without its reserve."""
ACCEPTS_AGAIN = tuple(map(int, grpc.__version__.split(".")[:2])) >= (1, 60)
"""grpcio 1.51 takes no connection any more after one that there was no descriptor for."""
PIDS = Path("/sys/fs/cgroup/pids")


@pytest.fixture
def limit_processes() -> Iterator[Callable[[int, str], None]]:
    """Limits how many processes and threads a process may have; "max" for no limit."""
    group = PIDS / f"edgeseg-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group for processes can be made: {error}")

    def limit(pid: int, most: str) -> None:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "pids.max").write_text(most)

    yield limit
    for task in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):
            (PIDS / "cgroup.procs").write_text(task)
    group.rmdir()


async def test_no_process_to_be_had_for_an_engine(
    own_daemon: RunningDaemon, jpeg: bytes, limit_processes: Callable[[int, str], None]
) -> None:
    """The front outlives it, answers, and has an engine again when there are processes."""
    pid = own_daemon.process.pid
    assert own_daemon.engine_pid is not None
    limit_processes(pid, "1")
    os.kill(own_daemon.engine_pid, signal.SIGKILL)
    failed = await segment(own_daemon.address, [every(), *frames([jpeg])])
    assert failed[0].status == pb.FRAME_STATUS_UNAVAILABLE
    assert "Resource temporarily unavailable" in failed[0].message
    limit_processes(pid, "max")
    async with asyncio.timeout(60):
        while True:
            answers = await segment(own_daemon.address, [every(), *frames([jpeg])])
            if answers[0].status == pb.FRAME_STATUS_OK:
                break


@pytest.mark.slow
async def test_a_front_that_was_stopped_finds_its_engine_well(
    fake_delegate: Path, jpeg: bytes
) -> None:
    """The answer that came meanwhile was not read when the time for it was over."""
    slow = f"--delegate={fake_delegate}:claim=add,mode=slow,ms=1000"
    with RunningDaemon(slow, "--engine-answer-seconds=2") as running:
        engine, answered, went_on = running.engine_pid, 0, 0.0
        async with stub(running.address) as service:
            async for answer in service.Segment(iter([every(), *frames([jpeg] * 4)])):
                assert answer.status == pb.FRAME_STATUS_OK
                answered += 1
                if answered == 1:  # and the next one is in the engine
                    running.process.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(5)
                    running.process.send_signal(signal.SIGCONT)
                    went_on = time.monotonic()
                elif answered == 2:
                    after = time.monotonic() - went_on
                    sys.stdout.write(f"answers again {after:.2f} s after the front went on\n")
        assert answered == 4
        assert running.engine_pid == engine
        assert running.metric("edgeseg_engine_restarts_total") == 0


async def test_frames_fail_while_there_is_no_descriptor_for_an_engine_and_then_work_again(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
    pid = own_daemon.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    async with stub(own_daemon.address) as service:
        call = service.Segment()
        await call.write(every())
        await call.write(frames([jpeg])[0])
        assert await call.read()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, limits[1]))
        assert own_daemon.engine_pid is not None
        os.kill(own_daemon.engine_pid, signal.SIGKILL)
        await call.write(frames([jpeg], first_id=1)[0])
        failed = await call.read()
        assert isinstance(failed, pb.SegmentResponse)
        assert failed.status == pb.FRAME_STATUS_UNAVAILABLE
        assert "Too many open files" in failed.message
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for number in range(2, 100):
            await call.write(frames([jpeg], first_id=number)[0])
            answer = await call.read()
            assert isinstance(answer, pb.SegmentResponse)
            if answer.status == pb.FRAME_STATUS_OK:
                break
        else:
            pytest.fail("there is no engine again")
        await call.done_writing()


async def test_an_engine_comes_back_where_connections_have_all_descriptors(
    own_daemon: RunningDaemon, jpeg: bytes
) -> None:
    """With newer versions of gRPC, a client that connects after they are gone is served."""
    pid = own_daemon.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    host, _, port = own_daemon.address.rpartition(":")
    async with stub(own_daemon.address) as service:
        call = service.Segment()
        await call.write(every())
        await call.write(frames([jpeg])[0])
        assert await call.read()
        in_use = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
        most = max(in_use) + 20
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
        with contextlib.ExitStack() as idle:
            for _ in range(60):
                idle.enter_context(socket.create_connection((host, int(port))))
            async with asyncio.timeout(20):
                while len(list(Path(f"/proc/{pid}/fd").iterdir())) < most:
                    await asyncio.sleep(0.05)
            assert own_daemon.engine_pid is not None
            os.kill(own_daemon.engine_pid, signal.SIGKILL)
            for number in range(1, 4):
                await call.write(frames([jpeg], first_id=number)[0])
                answer = await call.read()
                assert isinstance(answer, pb.SegmentResponse)
                assert answer.status == pb.FRAME_STATUS_OK
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        await call.done_writing()
    if ACCEPTS_AGAIN:
        answers = await segment(own_daemon.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK
