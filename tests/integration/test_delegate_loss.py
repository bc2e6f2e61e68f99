"""A delegate that serves goes wrong in mid-stream: the CPU takes over, and gives way again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import endless_frames, every, frames, segment, segment_in_step, stub
from support.remembered import remember
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime

FAULTS = {
    "error": "invoke",
    "segv": "crash",
    "abort": "crash",
    "exit": "crash",
    "signal": "crash",
    "orphan": "crash",
    "hang": "hang",
    "nan": "nan",
    "zeros": "drift",
    "garbage": "drift",
}
"""Each mode of the test delegate and the cause that the metrics count."""
EVERY = 10


async def stream(
    running: RunningDaemon,
    jpeg: bytes,
    act: Callable[[], object],
    *,
    at: int,
    count: int | None = None,
    until: Callable[[pb.SegmentResponse], bool] = lambda _: False,
    in_flight: int = 2,
) -> dict[int, pb.SegmentResponse]:
    """The answers to frames that are sent in step; once frame `at` is answered, `act`.

    There are `count`, or as many as come until `until` is true of an answer.
    """

    def answered(response: pb.SegmentResponse) -> bool:
        if response.frame_id == at:
            act()
        return until(response)

    pictures = repeat(jpeg) if count is None else repeat(jpeg, count)
    requests = chain([every()], endless_frames(pictures))
    return await segment_in_step(running.address, requests, answered, in_flight=in_flight)


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again: what is waited for is seen from outside only."""
    async with asyncio.timeout(60):
        while not await true():
            await asyncio.sleep(0.05)


async def delegate_is_well(running: RunningDaemon) -> bool:
    async with grpc.aio.insecure_channel(running.address) as channel:
        request = health_pb2.HealthCheckRequest(service="model/scenes/delegate")
        answer = await health_pb2_grpc.HealthStub(channel).Check(request)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def by_the_cpu_at_last(answer: pb.SegmentResponse) -> bool:
    return answer.frame_id >= 59 and answer.segmentation.delegate == "cpu"


LIKE_OTHERS = ("hang", "abort", "exit", "signal", "orphan")
"""Faults that cost seconds each, and end an engine as one of the others does."""


@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        pytest.param(*each, marks=pytest.mark.slow if each[0] in LIKE_OTHERS else ())
        for each in FAULTS.items()
    ],
)
async def test_the_cpu_takes_over_from_a_failed_delegate_until_it_works_again(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes, mode: str, cause: str
) -> None:
    trouble = tmp_path / "trouble"
    flags = remember(tmp_path, f"{fake_delegate}:claim=add,mode={mode},while={trouble}")
    # In a sandbox it cannot start the process that it leaves behind.
    sandbox = "off" if mode == "orphan" else "auto"
    with RunningDaemon(
        *flags,
        f"--sandbox={sandbox}",
        f"--check-every={EVERY}",
        "--engine-answer-seconds=4",
        "--delegate-cool-down-seconds=1",
    ) as running:
        pid = running.process.pid
        answers = await stream(running, jpeg, trouble.touch, at=10, until=by_the_cpu_at_last)
        count = len(answers)
        assert answers.keys() == set(range(count))
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        by = [answers[number].segmentation.delegate for number in range(count)]
        assert (by[0], by[-1]) == ("fake_delegate", "cpu")
        assert sorted(by, reverse=True) == by, "it went down once"
        right = answers[0].segmentation.labels
        assert all(
            answers[number].segmentation.labels == right
            for number in range(count)
            if by[number] == "cpu" or cause != "drift"
        )
        assert running.metric("edgeseg_engine_restarts_total", cause=cause) >= 1
        assert running.metric("edgeseg_degraded") == 1
        assert await info_says_degraded(running)
        assert not await delegate_is_well(running)
        trouble.unlink()
        await eventually(lambda: delegate_is_well(running))
        again = await segment(running.address, [every(), *frames([jpeg])])
        assert again[0].segmentation.delegate == "fake_delegate"
        assert again[0].segmentation.labels == right
        assert running.metric("edgeseg_degraded") == 0
        assert not await info_says_degraded(running)
        assert running.process.pid == pid
        os.kill(pid, 0)


async def test_a_delegate_that_floods_its_output_goes_on_serving(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes
) -> None:
    flood = tmp_path / "flood"
    flags = remember(tmp_path, f"{fake_delegate}:claim=add,mode=flood,while={flood}")
    with RunningDaemon(*flags) as running:
        answers = await stream(running, jpeg, flood.touch, at=5, count=20)
    assert len(answers) == 20
    assert {answer.segmentation.delegate for answer in answers.values()} == {"fake_delegate"}


@pytest.mark.slow
@pytest.mark.parametrize("ms", [2500, 11_000])
async def test_a_delegate_that_takes_seconds_for_an_invoke_serves(
    fake_delegate: Path, jpeg: bytes, ms: int
) -> None:
    """Longer than the floors of the watchdog and of the front's own bound."""
    with RunningDaemon(f"--delegate={fake_delegate}:claim=add,mode=slow,ms={ms}") as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 2)])
        assert len(answers) == 2
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert running.metric("edgeseg_engine_restarts_total") == 0


async def test_the_cpu_serves_while_a_delegate_hangs_at_its_start(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes
) -> None:
    trouble = tmp_path / "trouble"
    flags = remember(tmp_path, f"{fake_delegate}:claim=add,mode=hang,at=create,while={trouble}")
    trouble.touch()
    with RunningDaemon(*flags, "--engine-start-seconds=100") as running:
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].segmentation.delegate == "cpu"
        assert running.metric("edgeseg_degraded") == 1


@pytest.mark.slow
async def test_frames_do_not_wait_for_a_forced_delegate_that_hangs(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes
) -> None:
    """They are answered; those too that come while it is started again."""
    trouble = tmp_path / "trouble"
    delegate = f"{fake_delegate}:claim=add,mode=hang,at=create,while={trouble}"

    def strike() -> None:
        trouble.touch()
        assert running.engine_pid is not None
        os.kill(running.engine_pid, signal.SIGKILL)

    with RunningDaemon(f"--delegate={delegate}", "--engine-start-seconds=100") as running:
        answers = await stream(running, jpeg, strike, at=5, count=20, in_flight=8)
        assert len(answers) == 20
        assert answers[19].status == pb.FRAME_STATUS_UNAVAILABLE
        assert "no engine was ready" in answers[19].message
        later = await segment(running.address, [every(), *frames([jpeg])])
        assert later[0].status == pb.FRAME_STATUS_UNAVAILABLE


async def test_a_second_device_has_an_engine_of_its_own_whose_crash_costs_no_frame(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes
) -> None:
    second = tmp_path / "libsecond.so"
    second.write_bytes(fake_delegate.read_bytes())
    trouble = tmp_path / "trouble"
    flags = remember(
        tmp_path,
        f"{fake_delegate}:claim=add,mode=slow,ms=10",
        extra=(f"{second}:claim=add,mode=segv,while={trouble}",),
    )
    with RunningDaemon(*flags, "--delegate-cool-down-seconds=1") as running:
        await eventually(lambda: delegates_of(running, jpeg, {"fake_delegate", "second"}))
        answers = await stream(
            running,
            jpeg,
            trouble.touch,
            at=10,
            until=lambda answer: answer.frame_id >= 59 and is_degraded(running),
            in_flight=8,
        )
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert answers.keys() == set(range(len(answers)))
        assert len({answer.segmentation.labels for answer in answers.values()}) == 1
        assert answers[len(answers) - 1].segmentation.delegate == "fake_delegate"
        assert running.metric("edgeseg_engine_ready") == 1
        assert running.metric("edgeseg_degraded") == 1
        trouble.unlink()
        await eventually(lambda: delegates_of(running, jpeg, {"fake_delegate", "second"}))
        await eventually(lambda: delegate_is_well(running))


async def info_says_degraded(running: RunningDaemon) -> bool:
    async with stub(running.address) as service:
        (model,) = (await service.GetServerInfo(pb.GetServerInfoRequest())).models
    return model.degraded


def is_degraded(running: RunningDaemon) -> bool:
    return running.metric("edgeseg_degraded") == 1


async def delegates_of(running: RunningDaemon, jpeg: bytes, wanted: set[str]) -> bool:
    """Whether these and no others serve a short stream."""
    answers = await segment(running.address, [every(), *frames([jpeg] * 20)])
    return {answer.segmentation.delegate for answer in answers.values()} == wanted


async def test_a_forced_delegate_with_wrong_masks_must_prove_itself_and_no_cpu_steps_in(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes
) -> None:
    trouble = tmp_path / "trouble"
    delegate = f"{fake_delegate}:claim=add,mode=garbage,while={trouble}"
    with RunningDaemon(f"--delegate={delegate}", f"--check-every={EVERY}") as running:
        failed = pb.FRAME_STATUS_UNAVAILABLE
        answers = await stream(
            running, jpeg, trouble.touch, at=5, until=lambda answer: answer.status == failed
        )
        last = len(answers) - 1
        assert answers.keys() == set(range(len(answers)))
        right = answers[0].segmentation.labels
        statuses = [answers[number].status for number in range(len(answers))]
        assert statuses[-1] == pb.FRAME_STATUS_UNAVAILABLE
        assert "% of pixels" in answers[last].message
        first_failed = statuses.index(pb.FRAME_STATUS_UNAVAILABLE)
        assert pb.FRAME_STATUS_OK not in statuses[first_failed:]
        assert running.metric("edgeseg_engine_restarts_total", cause="drift") == 1
        trouble.unlink()
        await eventually(lambda: delegates_of(running, jpeg, {"fake_delegate"}))
        again = await segment(running.address, [every(), *frames([jpeg])])
        assert again[0].segmentation.labels == right
