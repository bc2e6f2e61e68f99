"""The supervisor with real engines that meet their fate at a known moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgesegd.core.errors import EngineFailed, EngineStartFailed, Expired, NoEngine
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.ipc.child import Child
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.delegate_ranking import BlameFrame, DelegateRanking
from edgesegd.supervision.dispatcher import MAX_TRIES
from edgesegd.supervision.engine_pool import EnginePool, GiveUp
from edgesegd.supervision.engine_process import EngineLost, EngineProcess
from edgesegd.supervision.failover import GIVE_UP_AFTER, Failover
from edgesegd.supervision.supervisor import Supervisor
from support.builtin_engine import builtin_setup


class Fate:
    """Starts engines; those that are doomed are stopped as soon as they are ready."""

    def __init__(self, *, doomed: int = 0, unborn: int = 0) -> None:
        self.doomed = doomed
        self.unborn = unborn
        self.causes: list[str] = []
        self.links: list[EngineProcess] = []

    async def start(self, choice: Choice, seconds: float) -> EngineProcess:
        if self.links and self.unborn:
            self.unborn -= 1
            raise EngineStartFailed("not this time")
        setup = builtin_setup(choice, slots=1)
        link = await EngineProcess.start(setup, start_seconds=seconds)
        self.links.append(link)
        if len(self.links) <= self.doomed:
            os.kill(link.pid, signal.SIGSTOP)
        return link

    async def prove(self, choice: Choice) -> None:
        raise AssertionError(f"{choice} is above all doubt")

    def engine_ready(self, link: EngineProcess, *, degraded: bool) -> None:
        assert (link.ready.threads, degraded) == (1, False)

    def engine_degraded(self, degraded: bool) -> None:
        raise AssertionError(f"{degraded}, while the same engine serves")

    def engine_closed(self) -> None:
        """The pool ends: nothing is counted after it."""

    def engine_lost(self, cause: str) -> None:
        self.causes.append(cause)


@asynccontextmanager
async def supervised(fate: Fate) -> AsyncIterator[tuple[Scheduler, Lane]]:
    scheduler, lane = Scheduler(), Lane(8, Overflow.REJECT)
    scheduler.open(lane)
    failover = Failover(
        ranking=DelegateRanking([(DelegateSpec(), 1)], cool_down=30),
        start_engine=fate.start,
        start_seconds=30,
        prove=fate.prove,
        observer=fate,
    )

    def supervise(choices: list[Choice], give_up: GiveUp, blame_frame: BlameFrame) -> Supervisor:
        assert choices == [(DelegateSpec(), 1)]
        return Supervisor(
            failover=failover,
            scheduler=scheduler,
            answer_seconds=1.0,
            give_up=give_up,
            blame_frame=blame_frame,
        )

    supervisor = EnginePool(
        Selection(((DelegateSpec(), 1),)), supervise=supervise, scheduler=scheduler
    )
    try:
        await supervisor.start()
        async with asyncio.TaskGroup() as group:  # after a failure no answers are awaited
            running = group.create_task(supervisor.run())
            yield scheduler, lane
            running.cancel()
    finally:
        await supervisor.close()
        for link in fate.links:
            link.fail(EngineLost("crash", "the test has ended"))
        await asyncio.gather(*(link.exited for link in fate.links), return_exceptions=True)


def job(jpeg: bytes, deadline: float | None = None) -> Job:
    answer = Answer()
    return Job(FrameSpec(FrameFormat.JPEG), jpeg, ResultOptions(), answer, deadline)


async def test_a_frame_of_an_engine_that_hangs_is_given_to_the_next_engine(jpeg: bytes) -> None:
    fate = Fate(doomed=1)
    async with supervised(fate) as (scheduler, lane):
        first = job(jpeg)
        scheduler.submit(lane, first)
        assert (await first.answer).planes
    assert fate.causes == ["hang"]


async def test_a_frame_that_three_engines_are_lost_with_fails_and_the_next_is_segmented(
    jpeg: bytes,
) -> None:
    fate = Fate(doomed=MAX_TRIES)
    async with supervised(fate) as (scheduler, lane):
        first, second = job(jpeg), job(jpeg)
        scheduler.submit(lane, first)
        scheduler.submit(lane, second)
        with pytest.raises(EngineFailed, match=r"3 engines failed.*no answer in 1.0 s"):
            await first.answer
        assert (await second.answer).planes
    assert fate.causes == ["hang"] * MAX_TRIES


async def test_a_frame_that_is_too_old_is_not_given_to_the_next_engine(jpeg: bytes) -> None:
    fate = Fate(doomed=1)
    async with supervised(fate) as (scheduler, lane):
        first = job(jpeg, deadline=asyncio.get_running_loop().time() + 0.2)
        scheduler.submit(lane, first)
        with pytest.raises(Expired):
            await first.answer
        second = job(jpeg)
        scheduler.submit(lane, second)
        assert (await second.answer).planes


async def test_an_engine_that_fails_to_start_costs_no_frame_where_the_next_starts(
    jpeg: bytes,
) -> None:
    fate = Fate(doomed=1, unborn=GIVE_UP_AFTER - 1)
    async with supervised(fate) as (scheduler, lane):
        first, second = job(jpeg), job(jpeg)
        scheduler.submit(lane, first)
        scheduler.submit(lane, second)
        assert (await first.answer).planes
        assert (await second.answer).planes
    assert fate.causes == ["hang", *["start"] * (GIVE_UP_AFTER - 1)]


async def test_frames_that_wait_fail_where_no_engine_starts(jpeg: bytes) -> None:
    fate = Fate(doomed=1, unborn=GIVE_UP_AFTER)
    async with supervised(fate) as (scheduler, lane):
        first, second = job(jpeg), job(jpeg)
        scheduler.submit(lane, first)
        scheduler.submit(lane, second)
        for waiting in (first, second):
            with pytest.raises(NoEngine, match="not this time"):
                await waiting.answer
        third = job(jpeg)
        scheduler.submit(lane, third)
        assert (await third.answer).planes
    assert fate.causes == ["hang", *["start"] * GIVE_UP_AFTER]


async def test_an_engine_that_cannot_be_killed_is_left_behind(
    jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one whose driver hangs in the kernel: here the signal is kept from it."""
    spared: set[int] = set()

    def spare(child: Child) -> None:
        spared.add(child.pid)

    fate = Fate(doomed=1)
    async with supervised(fate) as (scheduler, lane):
        try:
            with monkeypatch.context() as patch:
                patch.setattr(Child, "kill", spare)
                first = job(jpeg)
                scheduler.submit(lane, first)
                assert (await first.answer).planes
            assert spared
        finally:
            for pid in spared:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
