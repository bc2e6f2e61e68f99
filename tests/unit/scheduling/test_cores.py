"""Several models share the cores: one at a time, and each stream's share is of time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.scheduling.accounts import Accounts
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.cores import MIN_HELD_SECONDS, SHARED_SECONDS, Cores
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler

ADDRESS = "ipv4:10.0.0.1"


@dataclass(eq=False)
class Stream:
    """A stream to a model, of which a frame always waits."""

    lane: Lane
    model: Model


class Model:
    """A scheduler and an engine, whose frames take so long."""

    def __init__(self, board: Board, seconds: float) -> None:
        self.board = board
        self.seconds = seconds
        self.scheduler = Scheduler(board.accounts, clock=lambda: board.now)
        board.cores.join(self.scheduler)
        self.scheduler.watch(self.fill)
        self.in_engine: Job | None = None
        self.has_engine = True

    def stream(self, *client: str, weight: float = 1.0) -> Stream:
        lane = Lane(4, Overflow.REJECT, weight=weight)
        self.scheduler.open(lane, (ADDRESS, *client))
        stream = Stream(lane, self)
        self.board.streams.append(stream)
        return stream

    def fill(self) -> None:
        if not self.has_engine or self.in_engine is not None:
            return
        if self.board.cores.may_take(self.scheduler, busy=False):
            self.in_engine = self.scheduler.take()
            if self.in_engine is not None:
                self.board.cores.begin(self.scheduler)
                self.board.running.append(self)


class Board:
    """Cores on which one engine works at a time, with a clock that advances meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.accounts = Accounts()
        self.timers: list[tuple[float, asyncio.Handle]] = []
        self.cores = Cores(clock=lambda: self.now, call_later=self.call_later)
        self.streams: list[Stream] = []
        self.running: list[Model] = []
        self.spent: defaultdict[Stream, float] = defaultdict(float)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.Handle:
        handle = asyncio.Handle(callback, (), asyncio.get_running_loop())
        self.timers.append((self.now + seconds, handle))
        return handle

    def send(self, stream: Stream) -> Job:
        job = Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), Answer(), received=self.now)
        stream.model.scheduler.submit(stream.lane, job)
        return job

    def work(self) -> Stream | None:
        """Finish the frame that is in an engine; whose it was."""
        if not self.running:
            return None
        assert len(self.running) == 1, "two models' engines work at a time"
        model = self.running.pop()
        job, model.in_engine = model.in_engine, None
        assert job is not None
        stream = next(each for each in self.streams if each.lane is job.lane)
        self.now += model.seconds
        self.spent[stream] += model.seconds
        job.answer.cancel()
        model.scheduler.finish(job, model.seconds)
        self.cores.end(model.scheduler)
        model.fill()
        return stream

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            for stream in self.streams:
                if not len(stream.lane):
                    self.send(stream)
            self.work()


@pytest.fixture
async def board() -> Board:
    return Board()


@pytest.mark.parametrize("slow", [0.010, 0.070, 0.5])
async def test_streams_of_a_fast_and_a_slow_model_have_the_same_time(
    board: Board, slow: float
) -> None:
    one, other = Model(board, 0.005).stream("a"), Model(board, slow).stream("b")
    board.run(100)
    assert board.spent[one] == pytest.approx(board.spent[other], rel=0.05)


async def test_each_stream_has_its_weights_share_of_the_time_whatever_its_model(
    board: Board,
) -> None:
    """Three at one model and one at another, by two connections."""
    fast, slow = Model(board, 0.004), Model(board, 0.05)
    streams = {
        fast.stream("a"): 1.0,
        fast.stream("b"): 1.0,
        fast.stream("c", weight=4.0): 4.0,
        slow.stream("d"): 1.0,
        slow.stream("e", weight=0.25): 0.25,
    }
    board.run(400)
    total = sum(board.spent.values())
    for stream, weight in streams.items():
        share = board.spent[stream] / total
        assert share == pytest.approx(weight / sum(streams.values()), rel=0.1)


async def test_a_client_of_two_models_has_no_more_than_a_client_of_one(board: Board) -> None:
    fast, slow = Model(board, 0.004), Model(board, 0.04)
    both = [fast.stream("greedy"), slow.stream("greedy")]
    alone = slow.stream("modest")
    board.run(200)
    assert sum(board.spent[each] for each in both) == pytest.approx(board.spent[alone], rel=0.1)


async def test_a_stream_that_comes_later_is_served_at_once_and_not_owed_the_past(
    board: Board,
) -> None:
    first = Model(board, 0.05).stream("a")
    board.run(50)
    late = Model(board, 0.005).stream("b")
    before = board.spent[first]
    board.run(20)
    assert board.spent[late] == pytest.approx(board.spent[first] - before, rel=0.1)


async def test_one_frame_at_a_time_of_a_fast_model_waits_for_one_of_the_slow_one(
    board: Board,
) -> None:
    fast, slow = Model(board, 0.005), Model(board, 0.1)
    hurried, busy = fast.stream("a"), slow.stream("b")
    for _ in range(50):
        while len(busy.lane) < 3:
            board.send(busy)
        board.send(hurried)
        sent = board.now
        while board.work() is not hurried:
            pass
        assert board.now - sent <= slow.seconds + fast.seconds + 1e-9


async def test_a_model_that_cannot_take_its_turn_does_not_delay_others(
    board: Board,
) -> None:
    stuck, well = Model(board, 0.01), Model(board, 0.01)
    stuck.has_engine = False
    waiting, one = stuck.stream("a"), well.stream("b")
    board.run(1)
    assert board.spent[one] == pytest.approx(1, rel=0.05)
    assert not board.spent[waiting]
    stuck.has_engine = True
    board.run(1)
    assert board.spent[waiting] > 0.4


async def test_no_second_frame_is_given_in_advance_while_models_share_the_cores(
    board: Board,
) -> None:
    one, other = Model(board, 0.01), Model(board, 0.01)
    stream = one.stream("a")
    board.send(stream)
    board.send(stream)
    assert board.cores.may_take(one.scheduler, busy=True)
    board.work()
    board.work()
    board.send(other.stream("b"))
    board.work()
    board.send(stream)
    assert not board.cores.may_take(one.scheduler, busy=True)
    board.work()
    board.now += SHARED_SECONDS
    assert board.cores.may_take(one.scheduler, busy=True)


async def test_a_model_that_has_the_cores_alone_is_notified_when_another_one_begins(
    board: Board,
) -> None:
    one, other = Model(board, 0.01), Model(board, 0.01)
    notified: list[str] = []
    end = board.cores.watch(one.scheduler, lambda: notified.append("one"))
    board.cores.watch(other.scheduler, lambda: notified.append("other"))
    board.send(one.stream("a"))
    board.work()
    assert notified == ["other"]
    board.send(other.stream("b"))
    board.work()
    assert notified == ["other", "one"]
    end()
    board.now += 2 * SHARED_SECONDS
    board.send(other.stream("c"))
    board.work()
    assert notified == ["other", "one"]
    await asyncio.sleep(0)


async def test_a_model_whose_engine_hangs_has_the_cores_no_longer_than_a_few_frames_take(
    board: Board,
) -> None:
    hung, well = Model(board, 0.01), Model(board, 0.01)
    streams = hung.stream("a"), well.stream("b")
    board.run(1)
    board.running.clear()  # whatever runs never ends
    for stream in streams:
        while len(stream.lane) < 2:
            board.send(stream)
    stuck = hung if hung.in_engine is not None else well
    other = next(each for each in streams if each.model is not stuck)
    board.send(other)
    assert not board.cores.may_take(other.model.scheduler, busy=False)
    due, timer = board.timers[-1]
    assert due - board.now == pytest.approx(MIN_HELD_SECONDS)
    assert not timer.cancelled()
    timer._run()
    assert board.running == [other.model]
    assert board.work() is other
    # The frame that hung is given up: nothing is out of step.
    job, stuck.in_engine = stuck.in_engine, None
    assert job is not None
    stuck.scheduler.finish(job, 0.0)
    board.cores.end(stuck.scheduler)
    board.run(1)


async def test_all_engines_of_the_model_that_has_the_cores_are_given_a_frame(board: Board) -> None:
    one, other = Model(board, 0.01), Model(board, 0.01)
    stream, waiting = one.stream("a"), other.stream("b")
    board.send(stream)
    board.send(waiting)
    board.send(stream)
    assert board.running == [one]
    assert board.cores.may_take(one.scheduler, busy=False), "a second engine"
    board.cores.begin(one.scheduler)
    board.cores.end(one.scheduler)
    assert not board.cores.may_take(one.scheduler, busy=False), "the other's turn is before"
