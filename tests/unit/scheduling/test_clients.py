"""Turns go by client first, and by what each frame takes of an engine."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

import pytest

from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.penalty import FACTOR
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.scheduling.turns import MAX_COMPARED

LAN_A, LAN_B = ("ipv4:10.0.0.1",), ("ipv4:10.0.0.2",)
USUAL = 0.01


class Board:
    """One engine; the board's clock advances while it works."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.scheduler = Scheduler(clock=lambda: self.now)
        self.lanes: dict[Lane, tuple[str, ...]] = {}
        self.served: dict[tuple[str, ...], int] = {}

    def open(self, client: tuple[str, ...], *, count: int = 1) -> list[Lane]:
        lanes = [Lane(4, Overflow.REJECT) for _ in range(count)]
        for lane in lanes:
            self.lanes[lane] = client
            self.scheduler.open(lane, client)
        return lanes

    def send(self, lane: Lane) -> None:
        answer = Answer()
        self.scheduler.submit(
            lane, Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), answer, received=self.now)
        )

    async def run(self, frames: int, seconds: Callable[[tuple[str, ...]], float]) -> None:
        """Segment that many frames; each lane always has one waiting."""
        for _ in range(frames):
            for lane in self.lanes:
                if not len(lane):
                    self.send(lane)
            self.work(seconds)
            await asyncio.sleep(0)

    def work(self, seconds: Callable[[tuple[str, ...]], float]) -> tuple[str, ...] | None:
        """Segment one frame; whose it was."""
        job = self.scheduler.take()
        if job is None or job.lane is None:
            return None
        client = self.lanes[job.lane]
        took = seconds(client)
        self.now += took
        self.scheduler.finish(job, took)
        self.served[client] = self.served.get(client, 0) + 1
        return client


def usual(_client: tuple[str, ...]) -> float:
    return USUAL


async def test_a_client_with_many_streams_gets_no_more_than_one_with_a_single_one() -> None:
    board = Board()
    board.open(LAN_A, count=200)
    board.open(LAN_B)
    await board.run(1000, usual)
    assert board.served[LAN_B] == pytest.approx(500, abs=2)


async def test_streams_of_one_client_are_served_in_turn() -> None:
    board = Board()
    (first, *_) = board.open(LAN_A, count=10)
    board.open(LAN_B)
    for lane in board.lanes:
        for _ in range(4):
            board.send(lane)
    await board.run(20, usual)
    assert len(first) == 3


async def test_connections_of_one_address_share_its_turns() -> None:
    board = Board()
    for number in range(8):
        board.open((*LAN_A, f"{number}"), count=number + 1)
    board.open((*LAN_B, "0"))
    await board.run(1600, usual)
    assert board.served[*LAN_B, "0"] == pytest.approx(800, abs=4)
    for number in range(8):
        assert board.served[*LAN_A, f"{number}"] == pytest.approx(100, abs=4)


async def test_turns_are_counted_in_engine_time() -> None:
    """One whose frames take three times as long has a third of the turns, half of the time."""
    board = Board()
    board.open(LAN_A)
    board.open(LAN_B)
    await board.run(100, usual)
    board.served.clear()
    await board.run(1200, lambda client: USUAL * (3 if client == LAN_A else 1))
    assert board.served[LAN_B] == pytest.approx(900, rel=0.05)


async def test_a_client_whose_frame_took_far_too_long_is_not_served_for_a_while() -> None:
    """Even if the others have no frame waiting at the moment when an engine is free."""
    board = Board()
    (slow,) = board.open(LAN_A)
    (quick,) = board.open(LAN_B)
    await board.run(50, usual)
    while len(quick):
        board.work(usual)
    if not len(slow):
        board.send(slow)
    assert board.work(lambda _: 0.5) == LAN_A
    board.send(slow)
    assert board.work(usual) is None, "an engine is free, but its client has a penalty"
    board.send(quick)
    assert board.work(usual) == LAN_B
    while board.work(usual) != LAN_A:
        await asyncio.sleep(0.01)  # the loop's time, and the board's
        board.now += 0.01
    assert board.now > 1000 + 0.5 + FACTOR * (0.5 - 4 * USUAL)


async def test_a_client_that_is_alone_never_gets_a_penalty() -> None:
    board = Board()
    (lane,) = board.open(LAN_A)
    await board.run(50, usual)
    board.now += 5  # no other client had a frame for a while
    board.send(lane)
    assert board.work(lambda _: 0.5) == LAN_A
    board.send(lane)
    assert board.work(usual) == LAN_A


async def test_a_client_that_connects_again_still_has_its_penalty() -> None:
    board = Board()
    (slow,) = board.open((*LAN_A, "one"))
    board.open(LAN_B)
    await board.run(50, usual)
    while board.work(usual):
        pass
    board.send(slow)
    job = board.scheduler.take()
    assert job is not None
    board.scheduler.close(slow)
    del board.lanes[slow]
    board.now += 0.5
    board.scheduler.finish(job, 0.5)
    (again,) = board.open((*LAN_A, "two"))
    board.send(again)
    assert board.work(usual) is None


async def test_clients_that_left_are_forgotten() -> None:
    board = Board()
    for number in range(100):
        (lane,) = board.open((f"ipv4:10.0.1.{number}", f"{number}"))
        board.send(lane)
        job = board.scheduler.take()
        assert job is not None
        board.scheduler.close(lane)
        board.scheduler.finish(job, USUAL)
    assert board.scheduler._groups == {}


@pytest.mark.parametrize("overflow", list(Overflow))
async def test_choosing_among_a_thousand_streams_looks_at_few(
    overflow: Overflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in comparisons of the queue, for time is no measure."""
    scheduler, steps = Scheduler(clock=lambda: 1000.0), 0
    lanes = [Lane(1, overflow) for _ in range(1000)]
    for lane in lanes:
        scheduler.open(lane, LAN_A)

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def count(*arguments: object) -> object:
            nonlocal steps
            steps += 1
            return call(*arguments)

        return count

    monkeypatch.setattr(heapq, "heappush", counted(heapq.heappush))
    monkeypatch.setattr(heapq, "heappop", counted(heapq.heappop))
    monkeypatch.setattr(Lane, "renews_within", counted(Lane.renews_within))
    for _ in range(3):
        for lane in lanes:
            scheduler.submit(
                lane,
                Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), Answer()),
            )
        steps = 0
        for _ in range(1000):
            job = scheduler.take()
            assert job is not None
            scheduler.finish(job, USUAL)
        await asyncio.sleep(0)
    assert steps < 1000 * 4 * MAX_COMPARED


async def test_reused_results_are_charged_what_they_take_and_leave_the_usual_time() -> None:
    board = Board()
    lanes = {client: board.open(client)[0] for client in (LAN_A, LAN_B)}
    for _ in range(1100):
        for lane in lanes.values():
            if not len(lane):
                board.send(lane)
        job = board.scheduler.take()
        assert job is not None, "nobody rests"
        assert job.lane is not None
        client = board.lanes[job.lane]
        took = USUAL / 10 if client == LAN_A else USUAL
        board.now += took
        board.scheduler.finish(job, took, computed=client == LAN_B)
        board.served[client] = board.served.get(client, 0) + 1
    assert board.served[LAN_A] == pytest.approx(10 * board.served[LAN_B], rel=0.05)
    assert board.scheduler.usual_work == pytest.approx(USUAL)


async def test_a_client_that_left_while_its_engine_hung_gets_no_penalty() -> None:
    board = Board()
    (innocent,), (other,) = board.open(LAN_A), board.open(LAN_B)
    await board.run(20, usual)
    for _ in range(len(innocent) + len(other)):
        board.work(usual)
    board.send(innocent)
    board.send(other)
    hung = next(job for job in iter(board.scheduler.take, None) if job.lane is innocent)
    board.now += 10.0
    hung.spent = 10.0
    hung.answer.cancel()
    board.scheduler.requeue(hung)
    board.send(innocent)
    assert board.work(usual) == LAN_A
