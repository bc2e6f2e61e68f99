"""When engines side by side serve, in virtual time, with engines that only take their time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from fleet.virtual_loop import VirtualLoop

from edgesegd.core.errors import EngineStartFailed
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.scheduling import cores, demand
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision import replica_controller as module
from edgesegd.supervision.engine_process import EngineLost, EngineProcess
from edgesegd.supervision.engine_state import EngineEvent, EngineLife
from edgesegd.supervision.replica_controller import ReplicaController
from support.virtual_loop import in_virtual_time

ONE_SECONDS = 0.010
"""Of a frame in the first engine."""


class Link:
    """An engine that was started; nothing more of it is used here."""

    def __init__(self) -> None:
        self.closed = False
        self.life = EngineLife()
        self.life.apply(EngineEvent.LOADED)

    async def close(self) -> None:
        self.life.apply(EngineEvent.CLOSED)
        self.closed = True


class Side(ReplicaController):
    """Replicas that take that many seconds for a frame, in place of real engines."""

    seconds = ONE_SECONDS
    lost: asyncio.Event | None = None

    async def _serve(self, link: EngineProcess) -> None:
        try:
            while link.life.is_serving:
                if self.lost is not None and self.lost.is_set():
                    link.life.apply(EngineEvent.FAILED)
                    raise EngineLost("crash", "as the test wants it")
                if not await serve_one(self._scheduler, lambda: self.active, self.seconds):
                    await asyncio.sleep(0.001)
        finally:
            link.life.drain()


async def result_of(answer: Answer) -> FrameResult:
    return await answer


async def serve_one(scheduler: Scheduler, may_take: Callable[[], bool], seconds: float) -> bool:
    job = scheduler.take() if may_take() else None
    if job is None:
        return False
    await asyncio.sleep(seconds)
    job.settle(FrameResult(1, 1, (1, 1)))
    scheduler.finish(job, seconds)
    return True


class Board:
    """A first engine, replicas, and a client that keeps `in_flight` frames on their way."""

    def __init__(self, replicas_seconds: float) -> None:
        self.scheduler = Scheduler(clock=asyncio.get_running_loop().time)
        self.lane = Lane(64, Overflow.REJECT)
        self.scheduler.open(self.lane, ("client",))
        self.in_flight = 1
        self.links: list[Link] = []
        self.planned: list[int] = []
        self.events: list[str] = []
        self.unborn = False
        self.cores = Cores(clock=asyncio.get_running_loop().time)
        self.cores.join(self.scheduler)
        self.side = Side(
            scheduler=self.scheduler,
            afford=self._afford,
            start_engine=self._start,  # type: ignore[arg-type]
            observe=lambda: self,
            blame_frame=lambda _ranked, _fatal: None,
            answer_seconds=0.0,
            cores=self.cores,
        )
        self.side.seconds = replicas_seconds

    def engine_ready(self, link: EngineProcess, *, degraded: bool) -> None:
        del link
        assert not degraded
        self.events.append("ready")

    def engine_degraded(self, degraded: bool) -> None:
        raise AssertionError(f"{degraded}, of a replica")

    def engine_lost(self, cause: str) -> None:
        self.events.append(cause)

    def engine_closed(self) -> None:
        self.events.append("closed")

    def _afford(self, level: float, running: int) -> Sequence[Choice]:
        del running
        count = min(4, round(level))
        self.planned.append(count)
        return [(DelegateSpec(), 1)] * count

    async def _start(self, _choice: Choice) -> Link:
        if self.unborn:
            raise EngineStartFailed("not this time")
        self.links.append(Link())
        return self.links[-1]

    async def _first_engine(self) -> None:
        while True:
            if not await serve_one(self.scheduler, lambda: not self.side.active, ONE_SECONDS):
                await asyncio.sleep(0.001)

    async def _client(self) -> None:
        answers: set[asyncio.Task[FrameResult]] = set()
        while True:
            while len(answers) < self.in_flight:
                answer = Answer()
                self.scheduler.submit(
                    self.lane, Job(FrameSpec(FrameFormat.JPEG), b"", ResultOptions(), answer)
                )
                answers.add(asyncio.create_task(result_of(answer)))
            done, answers = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
            assert all(each.result() for each in done)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(work())
            for work in (self._first_engine, self._client, self.side.run)
        ]
        try:
            yield
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert all(link.closed for link in self.links)
        assert self.events.count("closed") == len(self.links)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():
                await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand, "AVERAGE_SECONDS", 0.05)
    monkeypatch.setattr(demand, "MIN_STAY_SECONDS", 0.0)
    monkeypatch.setattr(cores, "SHARED_SECONDS", 0.1)
    for name, seconds in {
        "RATE_SECONDS": 0.2,
        "WARM_SECONDS": 0.05,
        "PROOF_SECONDS": 0.3,
        "REPLAN_SECONDS": 0.1,
        "SHRINK_SECONDS": 0.4,
        "LINGER_SECONDS": 0.3,
        "SHARED_SECONDS": 0.1,
        "FIRST_PAUSE": 0.2,
    }.items():
        monkeypatch.setattr(module, name, seconds)


@in_virtual_time
async def test_one_frame_at_a_time_needs_no_replicas() -> None:
    board = Board(ONE_SECONDS)
    async with board.running():
        await asyncio.sleep(0.5)
    assert board.links == []


@in_virtual_time
async def test_replicas_serve_while_there_are_several_frames_and_end_a_while_after() -> None:
    board = Board(ONE_SECONDS)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        assert len(board.links) == 2
        board.in_flight = 1
        await board.until(lambda: not board.side.active)
        assert not board.links[0].closed, "they stay for a while"
        await board.until(lambda: all(link.closed for link in board.links))
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        assert len(board.links) == 4


@in_virtual_time
async def test_replicas_that_do_fewer_frames_than_one_engine_end_and_are_tried_again_later() -> (
    None
):
    """As where each of few little cores has one."""
    board = Board(8 * ONE_SECONDS)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: len(board.links) == 2)
        await board.until(lambda: all(link.closed for link in board.links))
        board.side.seconds = ONE_SECONDS
        await board.until(lambda: len(board.links) == 4 and board.side.active)
        await asyncio.sleep(1.0)
        assert board.side.active, "these are faster"
    assert board.events.count("crash") == 0


@in_virtual_time
async def test_replicas_are_not_compared_with_an_engine_that_had_no_time() -> None:
    board, loop = Board(8 * ONE_SECONDS), asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.scheduler.demand.several)
        await asyncio.sleep(module.RATE_SECONDS / 2)
        loop.now += 10.0  # this process was stopped
        await board.until(lambda: bool(board.links))
        await board.until(lambda: all(link.closed for link in board.links))


@in_virtual_time
async def test_replicas_are_not_judged_by_time_in_which_the_daemon_was_stopped() -> None:
    board, loop = Board(ONE_SECONDS), asyncio.get_running_loop()
    stopped_at, stopped = math.inf, 0.0
    board.scheduler.work_clock = lambda: min(loop.time() - stopped, stopped_at)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        await asyncio.sleep(module.WARM_SECONDS - ONE_SECONDS)
        stopped_at = loop.time()
        board.side.seconds = module.PROOF_SECONDS
        await asyncio.sleep(2 * ONE_SECONDS)
        board.side.seconds = ONE_SECONDS
        await asyncio.sleep(module.PROOF_SECONDS - 2 * ONE_SECONDS)
        stopped_at, stopped = math.inf, module.PROOF_SECONDS
        await asyncio.sleep(4 * module.PROOF_SECONDS)
        assert board.side.active
    assert len(board.links) == 2


@in_virtual_time
async def test_there_are_more_replicas_when_there_are_many_more_frames() -> None:
    board = Board(ONE_SECONDS)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        board.in_flight = 12
        await board.until(lambda: len(board.links) == 6 and board.side.active)
        assert [link.closed for link in board.links] == [True] * 2 + [False] * 4


@in_virtual_time
async def test_there_are_fewer_replicas_when_there_are_far_fewer_frames_for_a_while() -> None:
    """Few engines with more threads each are faster then."""
    board = Board(ONE_SECONDS)
    async with board.running():
        board.in_flight = 12
        await board.until(lambda: len(board.links) == 4 and board.side.active)
        board.in_flight = 2
        await board.until(lambda: len(board.links) == 6 and board.side.active)
        assert [link.closed for link in board.links] == [True] * 4 + [False] * 2


@in_virtual_time
async def test_a_frame_of_another_model_now_and_then_does_not_end_the_replicas() -> None:
    """They take frames again as soon as the other model has none."""
    board, other = Board(ONE_SECONDS), Scheduler(clock=asyncio.get_running_loop().time)
    board.cores.join(other)
    active = 0
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        for _ in range(20):
            board.cores.begin(other)
            board.cores.end(other)
            await asyncio.sleep(0.05)
            assert not board.side.active, "the other model has a frame"
            for _ in range(100):
                await asyncio.sleep(0.05)
                active += board.side.active
        assert not any(link.closed for link in board.links)
    assert active > 0.6 * 20 * 100


@in_virtual_time
async def test_replicas_are_not_judged_while_there_are_too_few_frames_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That fewer come says nothing about how many could be done."""
    monkeypatch.setattr(demand, "MIN_STAY_SECONDS", 30.0)
    board = Board(ONE_SECONDS)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        for in_flight in (1, 2, 1, 2):
            board.in_flight = in_flight
            await asyncio.sleep(0.25)
            assert board.side.active
    assert len(board.links) == 2


@in_virtual_time
async def test_all_replicas_end_when_one_is_lost_and_come_back() -> None:
    board = Board(ONE_SECONDS)
    board.side.lost = asyncio.Event()
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        board.side.lost.set()
        await board.until(lambda: not board.side.active and all(e.closed for e in board.links))
        board.side.lost.clear()
        await board.until(lambda: board.side.active)
    assert "crash" in board.events


@in_virtual_time
async def test_where_replicas_cannot_be_started_one_engine_serves() -> None:
    board = Board(ONE_SECONDS)
    board.unborn = True
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: len(board.planned) > 1)
        assert not board.side.active
        board.unborn = False
        await board.until(lambda: board.side.active)


@in_virtual_time
async def test_with_an_accelerator_there_are_no_replicas() -> None:
    board = Board(ONE_SECONDS)
    async with board.running():
        board.in_flight = 2
        await board.until(lambda: board.side.active)
        board.side.set_of_use(False)
        await board.until(lambda: not board.side.active)
        await board.until(lambda: all(link.closed for link in board.links))


def has_active(board: Board, count: int) -> bool:
    return board.side.active and len(board.links) == count


@in_virtual_time
async def test_replicas_that_serve_for_the_second_time_are_waited_for_when_they_retire() -> None:
    board = Board(ONE_SECONDS)
    async with board.running():
        for count in (2, 4):
            board.in_flight = 2
            await board.until(partial(has_active, board, count))
            if count == 2:
                board.in_flight = 1
                await board.until(lambda: all(link.closed for link in board.links))
        await board.side.retire()
        assert all(link.closed for link in board.links), "none is cancelled with a frame in it"
        assert not board.side.active


@in_virtual_time
async def test_replicas_that_are_not_ready_yet_are_given_up_when_they_retire() -> None:
    board = Board(ONE_SECONDS)
    begun = asyncio.Event()

    async def start(_choice: Choice) -> Link:
        begun.set()
        await asyncio.sleep(3600)
        raise AssertionError("it is given up")

    board.side._start_engine = start  # type: ignore[assignment]
    async with board.running():
        board.in_flight = 2
        await begun.wait()
        async with asyncio.timeout(10):
            await board.side.retire()
    assert board.links == []
