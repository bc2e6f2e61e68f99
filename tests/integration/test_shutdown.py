"""SIGTERM drains, a second one ends at once, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment, stub
from support.processes import WatchedProcess
from support.running_daemon import Launch, RunningDaemon


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_frames_in_flight_are_answered_after_a_stop_signal(
    launch: Launch, jpeg: bytes, number: signal.Signals
) -> None:
    running = launch()
    engine = running.engine_pid
    async with stub(running.address) as service:
        call = service.Segment()
        await call.write(every())
        for request in frames([jpeg] * 3):
            await call.write(request)
        # After two answers the daemon has read the third frame; what is on its way is refused.
        first, second = await call.read(), await call.read()
        running.process.send_signal(number)
        answers = [first, second, await call.read()]
        assert [a.status for a in answers if isinstance(a, pb.SegmentResponse)] == [
            pb.FRAME_STATUS_OK
        ] * 3
        assert await call.code() == grpc.StatusCode.UNAVAILABLE
        assert "stopping" in (await call.details() or "")
    assert await asyncio.to_thread(running.wait) == 0
    assert engine is not None
    assert not Path(f"/proc/{engine}").exists()


async def test_a_stop_signal_to_the_whole_process_group_costs_no_frame(
    launch: Launch, jpeg: bytes
) -> None:
    """As `timeout` and terminals send it: the engine is not to hear it."""
    running = launch()
    async with stub(running.address) as service:
        call = service.Segment()
        await call.write(every())
        for request in frames([jpeg] * 4):
            await call.write(request)
        answers = [await call.read() for _ in range(3)]  # so the daemon has read the fourth frame
        os.killpg(running.process.pid, signal.SIGTERM)
        answers.append(await call.read())
        assert [a.status for a in answers if isinstance(a, pb.SegmentResponse)] == [
            pb.FRAME_STATUS_OK
        ] * 4
    assert await asyncio.to_thread(running.wait) == 0


async def test_a_stream_that_has_sent_all_its_frames_ends_ok_while_the_daemon_drains(
    jpeg: bytes,
) -> None:
    with RunningDaemon() as running:
        async with stub(running.address) as service:
            call = service.Segment()
            await call.write(every())
            for request in frames([jpeg] * 4):
                await call.write(request)
            await call.done_writing()
            answers = [await call.read()]
            running.process.send_signal(signal.SIGTERM)
            answers += [await call.read() for _ in range(3)]
            statuses = [a.status for a in answers if isinstance(a, pb.SegmentResponse)]
            assert statuses == [pb.FRAME_STATUS_OK] * 4
            assert await call.code() == grpc.StatusCode.OK


async def test_health_is_not_serving_while_the_daemon_drains(launch: Launch, jpeg: bytes) -> None:
    running = launch()
    async with (
        stub(running.address) as service,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        busy = service.Segment()
        await busy.write(every(size=pb.OutputSize(width=2000, height=2000)))
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await busy.write(frames([jpeg])[0])
        running.process.send_signal(signal.SIGTERM)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await asyncio.to_thread(running.wait) == 0


async def test_a_client_that_never_reads_cannot_hold_up_the_stop(
    launch: Launch, jpeg: bytes
) -> None:
    running = launch("--drain-seconds=0.5")
    async with stub(running.address) as service:
        call = service.Segment()
        await call.write(every(size=pb.OutputSize(width=4000, height=4000)))
        for request in frames([jpeg] * 4):
            await call.write(request)
        while running.metric("edgeseg_stage_seconds_count", stage="invoke") < 1:
            await asyncio.sleep(0)
        assert await asyncio.to_thread(running.stop) == 0


async def test_a_watcher_of_health_does_not_hold_up_the_stop(jpeg: bytes) -> None:
    with RunningDaemon("--drain-seconds=600") as running:
        async with grpc.aio.insecure_channel(running.address) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            assert await asyncio.to_thread(running.stop) == 0


@pytest.fixture
async def front() -> AsyncIterator[asyncio.subprocess.Process]:
    """A daemon that is not waited for until it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edgesegd", "serve", "--listen=127.0.0.1:0", "--metrics-listen="
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_a_stop_signal_ends_the_daemon_while_its_engine_hangs_at_its_start(
    front: asyncio.subprocess.Process,
) -> None:
    children = Path(f"/proc/{front.pid}/task/{front.pid}/children")
    async with asyncio.timeout(30):
        while not (pids := children.read_text(encoding="ascii").split()) or (
            b"edgesegd.engine" not in Path(f"/proc/{pids[0]}/cmdline").read_bytes()
        ):
            await asyncio.sleep(0)
        with WatchedProcess(int(pids[0])) as engine:
            os.kill(engine.pid, signal.SIGSTOP)
            front.terminate()
            assert await front.wait() == 0
            await engine.ended()


async def test_a_second_stop_signal_ends_the_daemon_at_once_with_128_plus_n(
    launch: Launch, jpeg: bytes
) -> None:
    running = launch("--engine-answer-seconds=60")
    assert running.engine_pid is not None
    with WatchedProcess(running.engine_pid) as engine:
        os.kill(engine.pid, signal.SIGSTOP)
        async with stub(running.address) as service:
            call = service.Segment()
            await call.write(frames([jpeg])[0])
            while running.metric("edgeseg_streams") < 1:
                await asyncio.sleep(0.01)
            running.process.send_signal(signal.SIGTERM)
            while not any("draining" in line for line in running.output):
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(running.stop) == 128 + signal.SIGTERM
        await engine.ended()


async def test_an_engine_does_not_outlive_a_killed_daemon(launch: Launch) -> None:
    running = launch()
    assert running.engine_pid is not None
    with WatchedProcess(running.engine_pid) as engine:
        running.stop(signal.SIGKILL)
        await engine.ended()


IN_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.executable, [sys.executable, "-m", "edgesegd", *sys.argv[1:]])
printed = b""
while b"ready: model" not in printed:
    printed += os.read(terminal, 1 << 16)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_terminal_that_closes_ends_the_daemon(tmp_path: Path) -> None:
    serve = ("serve", "--listen=127.0.0.1:0", "--metrics-listen=", f"--data-dir={tmp_path}")
    done = subprocess.run(
        [sys.executable, "-c", IN_A_TERMINAL, *serve, "--delegate=cpu"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "0\n", done


async def test_a_hangup_is_ignored_under_nohup(jpeg: bytes) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what a child inherits
    try:
        running = RunningDaemon()
    finally:
        signal.signal(signal.SIGHUP, before)
    with running:
        running.process.send_signal(signal.SIGHUP)
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK


async def test_sigusr1_shows_what_all_threads_do_and_sigusr2_does_nothing(jpeg: bytes) -> None:
    with RunningDaemon() as running:
        running.process.send_signal(signal.SIGUSR2)
        running.process.send_signal(signal.SIGUSR1)
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK
    assert any(line.startswith("Current thread") for line in running.output)
    assert any("selectors.py" in line for line in running.output)
