"""Several real engines of one model, some of which are lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edgesegd.core.errors import EngineStartFailed, NoEngine
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision import failover as failover_module
from edgesegd.supervision.delegate_ranking import BlameFrame, DelegateRanking
from edgesegd.supervision.engine_pool import EnginePool, GiveUp
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.engine_state import EngineState
from edgesegd.supervision.failover import Failover
from edgesegd.supervision.supervisor import Supervisor
from support.builtin_engine import builtin_setup

ONE: Choice = (DelegateSpec(), 1)
TWO: Choice = (DelegateSpec(), 2)
"""Two delegates that can be distinguished, and run everywhere."""


class Board:
    """A pool, whose engines cannot be started where `refused` says so of their choice."""

    def __init__(self, selection: Selection, cool_down: float = 30) -> None:
        self.scheduler, self.lane = Scheduler(), Lane(100, Overflow.REJECT)
        self.scheduler.open(self.lane)
        self.refused: Callable[[Choice], bool] = lambda _: False
        self.engines: list[EngineProcess] = []
        self.degraded: list[bool] = []
        self.closed = 0
        self.started = asyncio.Event()
        self._cool_down = cool_down
        self.pool = EnginePool(selection, supervise=self._supervise, scheduler=self.scheduler)

    def _supervise(
        self, choices: list[Choice], give_up: GiveUp, blame_frame: BlameFrame
    ) -> Supervisor:
        failover = Failover(
            ranking=DelegateRanking(choices, cool_down=self._cool_down),
            start_engine=self._start,
            start_seconds=30,
            prove=self._prove,
            observer=self,
        )
        return Supervisor(
            failover=failover,
            scheduler=self.scheduler,
            answer_seconds=20,
            give_up=give_up,
            blame_frame=blame_frame,
        )

    async def _start(self, choice: Choice, seconds: float) -> EngineProcess:
        if self.refused(choice):
            raise EngineStartFailed("not this time")
        engine = await EngineProcess.start(
            builtin_setup(choice, slots=1), start_seconds=30 * seconds
        )
        self.engines.append(engine)
        return engine

    async def _prove(self, choice: Choice) -> None:
        assert choice[0].is_cpu

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        del engine
        self.degraded.append(degraded)
        self.started.set()

    def engine_degraded(self, degraded: bool) -> None:
        self.degraded.append(degraded)

    def engine_lost(self, cause: str) -> None:
        del cause

    def engine_closed(self) -> None:
        self.closed += 1

    async def engines_started(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.engines) < count or not self.started.is_set():
                self.started.clear()
                await self.started.wait()

    def submit(self, jpeg: bytes) -> Job:
        job = Job(FrameSpec(FrameFormat.JPEG), jpeg, ResultOptions(), Answer())
        self.scheduler.submit(self.lane, job)
        return job

    async def segment(self, jpeg: bytes, count: int) -> list[FrameResult | BaseException]:
        """The answers to that many frames, sent one after another."""
        answers: list[FrameResult | BaseException] = []
        for _ in range(count):
            try:
                answers.append(await self.submit(jpeg).answer)
            except NoEngine as error:
                answers.append(error)
        return answers


@asynccontextmanager
async def running(board: Board) -> AsyncIterator[Board]:
    await board.pool.start()
    task = asyncio.create_task(board.pool.run())
    try:
        yield board
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await board.pool.close()
        assert {engine.life.state for engine in board.engines} == {EngineState.ENDED}


async def test_an_engine_that_cannot_be_started_fails_no_frame_of_one_that_serves(
    jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover_module, "GIVE_UP_SECONDS", 0.2)
    async with running(Board(Selection((TWO,), (ONE,)))) as board:
        await board.engines_started(2)
        board.refused = lambda choice: choice == TWO
        os.kill(board.engines[0].pid, signal.SIGKILL)
        answers = [answer for _ in range(4) for answer in await board.segment(jpeg, 10)]
        await asyncio.sleep(1.0)  # it is given up again and again
        answers += await board.segment(jpeg, 10)
    assert len(answers) == 50
    assert all(isinstance(answer, FrameResult) for answer in answers)


async def test_where_no_engine_at_all_can_be_started_the_frames_that_wait_are_answered(
    jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover_module, "GIVE_UP_SECONDS", 0.2)
    async with running(Board(Selection((TWO,), (ONE,)))) as board:
        await board.engines_started(2)
        board.refused = lambda _: True
        for engine in board.engines:
            os.kill(engine.pid, signal.SIGKILL)
        await asyncio.gather(*(engine.exited for engine in board.engines))
        async with asyncio.timeout(30):
            with pytest.raises(NoEngine):
                await board.submit(jpeg).answer
        board.refused = lambda _: False
        async with asyncio.timeout(60):
            while not isinstance((await board.segment(jpeg, 1))[0], FrameResult):
                pass


async def test_an_extra_engine_that_is_not_wanted_any_more_ends_and_loses_no_frame(
    jpeg: bytes,
) -> None:
    async with running(Board(Selection((TWO,), (ONE, ONE)))) as board:
        await board.engines_started(3)
        waiting = [board.submit(jpeg) for _ in range(20)]
        board.pool.select(Selection((TWO,), (ONE,)))
        assert all([(await job.answer).planes for job in waiting])
        board.pool.select(Selection((TWO,)))
        extras = [engine for engine in board.engines if engine.ready.threads == 1]
        async with asyncio.timeout(30):
            await asyncio.gather(*(engine.exited for engine in extras))
            while board.closed < 2:
                assert (await board.submit(jpeg).answer).planes
        assert (await board.submit(jpeg).answer).planes
        board.pool.select(Selection((TWO,), (ONE,)))
        await board.engines_started(4)


async def test_an_extra_engine_that_cannot_be_started_can_be_given_up(jpeg: bytes) -> None:
    async with running(Board(Selection((TWO,)))) as board:
        board.refused = lambda choice: choice == ONE
        board.pool.select(Selection((TWO,), (ONE,)))
        assert (await board.submit(jpeg).answer).planes
        board.pool.select(Selection((TWO,)))
        async with asyncio.timeout(30):
            while not board.closed:
                assert (await board.submit(jpeg).answer).planes


async def test_frames_are_served_while_an_engine_that_does_not_end_is_ended(jpeg: bytes) -> None:
    """A driver may keep the one before for seconds."""
    board = Board(Selection((TWO, ONE)), cool_down=0.1)
    board.refused = lambda choice: choice == TWO
    async with running(board):
        assert (await board.submit(jpeg).answer).planes
        stuck = board.engines[0]
        os.kill(stuck.pid, signal.SIGSTOP)
        board.refused = lambda _: False
        await board.engines_started(2)
        assert (await board.submit(jpeg).answer).planes
        assert not stuck.exited.done(), "it is only killed after seconds"


async def test_a_chosen_delegate_that_does_not_start_is_reported_as_degraded(jpeg: bytes) -> None:
    board = Board(Selection((ONE,)), cool_down=0.1)
    async with running(board):
        assert board.degraded == [False]
        board.refused = lambda choice: choice == TWO
        board.pool.select(Selection((TWO, ONE)))
        async with asyncio.timeout(10):
            while board.degraded[-1] is False:
                assert (await board.submit(jpeg).answer).planes
        board.refused = lambda _: False
        await board.engines_started(2)
        assert (await board.submit(jpeg).answer).planes
        assert board.degraded[-1] is False
