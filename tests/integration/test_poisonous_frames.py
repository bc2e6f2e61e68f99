"""Frames that engines are lost by, and faults of the front's own: with real engines."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edgesegd.core.errors import EngineFailed, InternalFault
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision import delegate_ranking
from edgesegd.supervision.delegate_ranking import DelegateRanking
from edgesegd.supervision.dispatcher import MAX_TRIES
from edgesegd.supervision.engine_process import EngineProcess, OnOutcome
from edgesegd.supervision.failover import Failover
from edgesegd.supervision.supervisor import Supervisor
from support.builtin_engine import builtin_setup

BEST, LAST = 2, 1
"""Threads, which distinguish the two choices; both are the CPU."""


@pytest.fixture(autouse=True)
def _any_start_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a busy machine decides which delegate is started again."""
    monkeypatch.setattr(delegate_ranking, "QUICK_START_SECONDS", 30.0)


class Board:
    """Engines of two choices; `on_frame` is called with each frame that an engine is given."""

    def __init__(self, on_frame: Callable[[EngineProcess, Job], None]) -> None:
        self._on_frame = on_frame
        self.scheduler, self.lane = Scheduler(), Lane(8, Overflow.REJECT)
        self.scheduler.open(self.lane)
        self.causes: list[str] = []
        self.lost = asyncio.Event()
        self.degraded: list[bool] = []
        self.threads: asyncio.Queue[int] = asyncio.Queue()
        self.proven: list[Choice] = []

    async def start(self, choice: Choice, seconds: float) -> EngineProcess:
        setup = builtin_setup(choice, slots=2)
        link = await EngineProcess.start(setup, start_seconds=30 * seconds)
        segment = link.segment

        def watched(job: Job, *, answer_seconds: float, on_outcome: OnOutcome) -> None:
            self._on_frame(link, job)
            segment(job, answer_seconds=answer_seconds, on_outcome=on_outcome)

        link.segment = watched  # type: ignore[method-assign]
        return link

    async def prove(self, choice: Choice) -> None:
        self.proven.append(choice)

    def engine_ready(self, link: EngineProcess, *, degraded: bool) -> None:
        assert degraded == (link.ready.threads != BEST)
        self.threads.put_nowait(link.ready.threads)

    def engine_degraded(self, degraded: bool) -> None:
        self.degraded.append(degraded)

    def engine_closed(self) -> None:
        raise AssertionError("no engine is retired")

    def engine_lost(self, cause: str) -> None:
        self.causes.append(cause)
        self.lost.set()

    async def losses(self, count: int) -> list[str]:
        """Why engines were lost; waits until there are that many, because metrics follow later."""
        async with asyncio.timeout(60):
            while len(self.causes) < count:
                self.lost.clear()
                await self.lost.wait()
        return self.causes

    def submit(self, data: bytes) -> Answer:
        answer = Answer()
        job = Job(FrameSpec(FrameFormat.JPEG), data, ResultOptions(), answer)
        self.scheduler.submit(self.lane, job)
        return answer


@asynccontextmanager
async def serving(on_frame: Callable[[EngineProcess, Job], None]) -> AsyncIterator[Board]:
    board = Board(on_frame)
    cpu = DelegateSpec()
    failover = Failover(
        ranking=DelegateRanking([(cpu, BEST), (cpu, LAST)], cool_down=3600),
        start_engine=board.start,
        start_seconds=30,
        prove=board.prove,
        observer=board,
    )
    supervisor = Supervisor(
        failover=failover,
        scheduler=board.scheduler,
        answer_seconds=60,
        give_up=lambda error: pytest.fail(str(error)),
        blame_frame=failover.blame_frame,
    )
    await supervisor.start()
    running = asyncio.create_task(supervisor.run())
    try:
        yield board
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await supervisor.close()


async def until(threads: int, board: Board) -> None:
    """Wait until an engine with that many threads serves."""
    async with asyncio.timeout(60):
        while await board.threads.get() != threads:
            pass


async def test_a_frame_that_kills_every_engine_is_refused_and_costs_no_delegate_its_place(
    jpeg: bytes,
) -> None:
    poison = jpeg + b"poison"

    def kill(link: EngineProcess, job: Job) -> None:
        if job.data == poison:
            os.kill(link.pid, signal.SIGKILL)

    async with serving(kill) as board:
        await until(BEST, board)
        assert (await board.submit(jpeg)).planes
        poisonous, good = board.submit(poison), board.submit(jpeg)
        with pytest.raises(EngineFailed, match=r"3 engines failed with this frame.*do not send"):
            await poisonous
        assert (await good).planes
        assert await board.losses(MAX_TRIES) == ["crash"] * MAX_TRIES
        await until(BEST, board)
        assert board.proven == [], "it is above all doubt"


async def test_a_frame_that_kills_one_delegate_is_segmented_by_the_next_and_opens_no_breaker(
    jpeg: bytes,
) -> None:
    poison = jpeg + b"poison"

    def kill(link: EngineProcess, job: Job) -> None:
        if job.data == poison and link.ready.threads == BEST:
            os.kill(link.pid, signal.SIGKILL)

    async with serving(kill) as board:
        await until(BEST, board)
        assert (await board.submit(jpeg)).planes
        assert (await board.submit(poison)).planes
        assert await board.losses(2) == ["crash"] * 2
        await until(LAST, board)
        await until(BEST, board)
        assert (await board.submit(jpeg)).planes


async def test_a_delegate_that_kills_its_engine_with_any_frame_cools_down(jpeg: bytes) -> None:
    def kill(link: EngineProcess, job: Job) -> None:
        del job
        if link.ready.threads == BEST:
            os.kill(link.pid, signal.SIGKILL)

    async with serving(kill) as board:
        for _ in range(4):
            assert (await board.submit(jpeg)).planes
        assert await board.losses(2) == ["crash"] * 2


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
async def test_a_frame_is_answered_whatever_goes_wrong_on_the_way_to_its_engine(
    jpeg: bytes, error: Exception
) -> None:
    failures = 1

    def fail(link: EngineProcess, job: Job) -> None:
        nonlocal failures
        del link, job
        if failures:
            failures -= 1
            raise error

    async with serving(fail) as board:
        with pytest.raises(InternalFault):
            await board.submit(jpeg)
        assert (await board.submit(jpeg)).planes
        assert await board.losses(1) == ["fault"]


@pytest.mark.parametrize("step", ["finish", "requeue"])
async def test_a_frame_is_answered_whatever_goes_wrong_once_its_engine_is_done(
    jpeg: bytes, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, failures = jpeg + b"poison", 1

    def kill(link: EngineProcess, job: Job) -> None:
        if job.data == poison:
            os.kill(link.pid, signal.SIGKILL)

    async with serving(kill) as board:
        right = getattr(board.scheduler, step)

        def fail_once(*arguments: object) -> None:
            nonlocal failures
            failures -= 1
            if failures == 0:
                raise MemoryError
            right(*arguments)

        monkeypatch.setattr(board.scheduler, step, fail_once)
        async with asyncio.timeout(60):
            if step == "finish":
                assert (await board.submit(jpeg)).planes
            else:
                with pytest.raises(InternalFault):
                    await board.submit(poison)
            assert (await board.submit(jpeg)).planes


async def test_frames_that_kill_engines_are_each_answered_and_do_not_delay_others_longer(
    jpeg: bytes,
) -> None:
    """The pause before an engine's start is for those that fail by themselves."""
    poison = jpeg + b"poison"

    def kill(link: EngineProcess, job: Job) -> None:
        if job.data == poison:
            os.kill(link.pid, signal.SIGKILL)

    async with serving(kill) as board:
        for _ in range(4):
            with pytest.raises(EngineFailed, match="do not send"):
                await board.submit(poison)
        assert (await board.submit(jpeg)).planes
        assert await board.losses(4 * MAX_TRIES) == ["crash"] * 4 * MAX_TRIES
