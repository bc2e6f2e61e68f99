"""Which frame is handed out next, and what becomes of those that never are."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgesegd.core.errors import (
    Draining,
    EdgesegError,
    EngineFailed,
    Expired,
    Overloaded,
    Superseded,
)
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler

RESULT = FrameResult(1, 1, (1, 1))
SOON = 0.1
"""Seconds; long enough to be still ahead when the frame is submitted."""
TURNS = 20
"""More turns of the event loop than any step here needs."""


def job(deadline: float | None = None) -> Job:
    return Job(
        frame=FrameSpec(FrameFormat.JPEG),
        data=b"jpeg",
        options=ResultOptions(),
        answer=Answer(),
        deadline=deadline,
    )


def latest() -> Lane:
    return Lane(1, Overflow.SUPERSEDE)


def every(limit: int = 100) -> Lane:
    return Lane(limit, Overflow.REJECT)


def opened(scheduler: Scheduler, *lanes: Lane) -> None:
    for lane in lanes:
        scheduler.open(lane)


def submitted(scheduler: Scheduler, lane: Lane, count: int) -> list[Job]:
    jobs = [job() for _ in range(count)]
    for each in jobs:
        scheduler.submit(lane, each)
    return jobs


async def take(scheduler: Scheduler) -> Job:
    """The next frame, as soon as there is one."""
    work = asyncio.Event()
    unwatch = scheduler.watch(work.set)
    try:
        while (found := scheduler.take()) is None:
            await work.wait()
            work.clear()
    finally:
        unwatch()
    return found


async def taken(scheduler: Scheduler, count: int) -> list[Job]:
    async with asyncio.timeout(5):
        return [await take(scheduler) for _ in range(count)]


async def turns() -> None:
    """Let everything happen that can happen now."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def waiting_taker(scheduler: Scheduler) -> AsyncIterator[asyncio.Task[Job]]:
    """Waits for a frame while there is none."""
    taker = asyncio.create_task(take(scheduler))
    await turns()
    assert not taker.done()
    try:
        yield taker
    finally:
        taker.cancel()
        await asyncio.gather(taker, return_exceptions=True)


async def error_of(waiting: Job) -> EdgesegError:
    """What the frame is answered with, once it is."""
    async with asyncio.timeout(5):
        with pytest.raises(EdgesegError) as caught:
            await waiting.answer
    return caught.value


async def test_with_latest_a_newer_frame_supersedes_the_one_that_waits() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    *old, newest = submitted(scheduler, lane, 4)
    for each in old:
        assert isinstance(await error_of(each), Superseded)
        assert each.data == b"", "bytes of an answered frame are kept"
    assert scheduler.depth == 1
    assert await taken(scheduler, 1) == [newest]
    assert newest.data == b"jpeg"


async def test_with_latest_a_frame_that_was_taken_is_not_superseded() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    submitted(scheduler, lane, 1)
    [first] = await taken(scheduler, 1)
    submitted(scheduler, lane, 1)
    assert not first.answer.done


async def test_with_every_all_frames_come_in_their_order() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    jobs = submitted(scheduler, lane, 20)
    assert await taken(scheduler, 20) == jobs
    assert not any(each.answer.done for each in jobs)


async def test_a_lane_that_supersedes_keeps_the_newest_in_their_order() -> None:
    scheduler, lane = Scheduler(), Lane(3, Overflow.SUPERSEDE)
    scheduler.open(lane)
    jobs = submitted(scheduler, lane, 5)
    assert await taken(scheduler, 3) == jobs[2:]
    assert [each.answer.done for each in jobs] == [True, True, False, False, False]


async def test_a_client_with_many_frames_does_not_starve_a_slow_one() -> None:
    scheduler, greedy, slow = Scheduler(), every(), latest()
    opened(scheduler, greedy, slow)
    submitted(scheduler, greedy, 50)
    [lone] = submitted(scheduler, slow, 1)
    assert lone in await taken(scheduler, 2)


async def test_lanes_are_served_in_turn() -> None:
    scheduler, lanes = Scheduler(), [every() for _ in range(3)]
    opened(scheduler, *lanes)
    a, b, c = (submitted(scheduler, lane, count) for lane, count in zip(lanes, (5, 2, 1)))  # noqa: B905
    order = await taken(scheduler, 8)
    assert order == [a[0], b[0], c[0], a[1], b[1], a[2], a[3], a[4]]


async def test_a_client_that_comes_back_queues_behind_the_others() -> None:
    scheduler, one, other = Scheduler(), latest(), latest()
    opened(scheduler, one, other)
    for _ in range(5):
        first = submitted(scheduler, one, 1)
        second = submitted(scheduler, other, 1)
        assert await taken(scheduler, 2) == first + second


async def test_a_full_queue_refuses_one_more_and_keeps_the_others() -> None:
    scheduler, lane = Scheduler(), Lane(2, Overflow.REJECT, retry_after=0.25)
    scheduler.open(lane)
    jobs, refused = submitted(scheduler, lane, 2), job()
    with pytest.raises(Overloaded, match="2 frames wait") as caught:
        scheduler.submit(lane, refused)
    assert caught.value.retry_after == 0.25
    assert not refused.answer.done, "the caller of submit answers it"
    assert await taken(scheduler, 1) == jobs[:1]
    scheduler.submit(lane, refused)
    assert await taken(scheduler, 2) == [jobs[1], refused]


async def test_an_old_frame_is_refused_and_supersedes_nothing() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    [waiting] = submitted(scheduler, lane, 1)
    with pytest.raises(Expired):
        scheduler.submit(lane, job(time.monotonic() - 1))
    assert await taken(scheduler, 1) == [waiting]
    assert not waiting.answer.done


async def test_a_frame_that_expires_is_answered_even_if_no_engine_takes_frames() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    old, young = job(time.monotonic() + SOON), job(time.monotonic() + 3600)
    scheduler.submit(lane, old)
    scheduler.submit(lane, young)
    assert isinstance(await error_of(old), Expired)
    assert scheduler.depth == 1
    assert await taken(scheduler, 1) == [young]
    async with waiting_taker(scheduler):
        pass
    young.settle(RESULT)


async def test_a_frame_of_a_paused_lane_grows_old_too() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    scheduler.pause(lane)
    waiting = job(time.monotonic() + SOON)
    scheduler.submit(lane, waiting)
    assert isinstance(await error_of(waiting), Expired)
    scheduler.resume(lane)
    async with waiting_taker(scheduler):
        pass


async def test_the_deadline_of_a_frame_in_an_engine_is_the_engines_business() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    deadline = time.monotonic() + SOON
    scheduler.submit(lane, job(deadline))
    [running] = await taken(scheduler, 1)
    running.taken = time.monotonic()
    passed = asyncio.Event()
    asyncio.get_running_loop().call_at(deadline + 0.01, passed.set)
    await passed.wait()
    assert running.expired()
    assert not running.answer.done
    running.settle(RESULT)
    assert await running.answer == RESULT


async def test_cancelled_frames_are_skipped() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    jobs = submitted(scheduler, lane, 3)
    jobs[0].answer.cancel()
    jobs[1].answer.cancel()
    assert await taken(scheduler, 1) == jobs[2:]


async def test_cancelled_frames_keep_no_place_in_the_queue() -> None:
    scheduler, lane = Scheduler(), every(2)
    scheduler.open(lane)
    for each in submitted(scheduler, lane, 2):
        each.answer.cancel()
    await turns()
    scheduler.submit(lane, job())


async def test_a_taker_that_waits_is_woken() -> None:
    scheduler, lane = Scheduler(), latest()
    scheduler.open(lane)
    async with waiting_taker(scheduler) as taker:
        jobs = submitted(scheduler, lane, 1)
        assert [await taker] == jobs


async def test_several_takers_get_a_frame_each() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    async with (
        waiting_taker(scheduler) as one,
        waiting_taker(scheduler) as other,
        waiting_taker(scheduler) as third,
    ):
        jobs = submitted(scheduler, lane, 2)
        await turns()
        assert {each.result() for each in (one, other, third) if each.done()} == set(jobs)
        jobs += submitted(scheduler, lane, 1)
        async with asyncio.timeout(5):
            assert {await one, await other, await third} == set(jobs)


async def test_a_take_that_is_cancelled_loses_nothing() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    async with waiting_taker(scheduler) as taker:
        jobs = submitted(scheduler, lane, 2)
        taker.cancel()
        await turns()
        assert taker.cancelled()
    assert await taken(scheduler, 2) == jobs


async def test_nothing_is_handed_out_of_a_paused_lane() -> None:
    scheduler, paused, other = Scheduler(), every(), every()
    opened(scheduler, paused, other)
    kept = submitted(scheduler, paused, 2)
    scheduler.pause(paused)
    kept += submitted(scheduler, paused, 1)
    jobs = submitted(scheduler, other, 2)
    assert await taken(scheduler, 2) == jobs
    async with waiting_taker(scheduler) as taker:
        assert scheduler.depth == 3
        scheduler.resume(paused)
        async with asyncio.timeout(5):
            assert [await taker, *await taken(scheduler, 2)] == kept


async def test_pausing_and_resuming_a_lane_gives_it_no_second_turn() -> None:
    scheduler, nervous, other = Scheduler(), every(), every()
    opened(scheduler, nervous, other)
    a, b = submitted(scheduler, nervous, 3), submitted(scheduler, other, 3)
    for _ in range(5):
        scheduler.pause(nervous)
        scheduler.resume(nervous)
    order = await taken(scheduler, 6)
    for turn in range(3):
        assert set(order[2 * turn : 2 * turn + 2]) == {a[turn], b[turn]}


async def test_a_client_that_left_is_forgotten() -> None:
    scheduler, gone, other = Scheduler(), every(), every()
    opened(scheduler, gone, other)
    left = submitted(scheduler, gone, 3)
    [kept] = submitted(scheduler, other, 1)
    scheduler.close(gone)
    assert all(each.answer.cancelled for each in left)
    assert scheduler.depth == 1
    assert await taken(scheduler, 1) == [kept]
    async with waiting_taker(scheduler):
        pass


async def test_draining_takes_no_more_but_serves_what_waits() -> None:
    scheduler, lane = Scheduler(), every()
    scheduler.open(lane)
    jobs = submitted(scheduler, lane, 2)
    scheduler.drain()
    with pytest.raises(Draining):
        scheduler.submit(lane, job())
    assert await taken(scheduler, 2) == jobs


async def test_all_frames_that_wait_can_be_failed() -> None:
    scheduler, lanes = Scheduler(), [every(), latest()]
    opened(scheduler, *lanes)
    jobs = [each for lane in lanes for each in submitted(scheduler, lane, 1)]
    scheduler.pause(lanes[0])
    scheduler.fail_waiting(lambda _: EngineFailed("no engine"))
    errors = [await error_of(each) for each in jobs]
    assert [str(each) for each in errors] == ["no engine"] * 2
    assert errors[0] is not errors[1], "a traceback of its own"
    assert scheduler.depth == 0
    later = submitted(scheduler, lanes[1], 1)
    assert await taken(scheduler, 1) == later


async def test_the_first_answer_to_a_frame_counts() -> None:
    done = job()
    done.settle(RESULT)
    done.settle(EngineFailed("too late"))
    assert await done.answer == RESULT
    left = job()
    left.answer.cancel()
    left.settle(RESULT)
    assert left.answer.cancelled


async def test_the_time_in_the_queue_ends_when_an_engine_takes_the_frame() -> None:
    waiting = job()
    assert waiting.queued_seconds == 0
    waiting.taken = waiting.received + 0.5
    assert waiting.queued_seconds == pytest.approx(0.5)


class Model:
    """A scheduler under random use, and what must be true of it all along."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.scheduler = Scheduler()
        self.open: list[Lane] = []
        self.orders: dict[Lane, list[Job]] = {}
        self.accepted: list[Job] = []
        self.answers: dict[Job, int] = {}
        self.handed_out: list[Job] = []
        self.takers: list[asyncio.Task[Job]] = []

    def open_lane(self) -> None:
        overflow = self.dice.choice(list(Overflow))
        lane = Lane(self.dice.randint(1, 4), overflow)
        self.scheduler.open(lane)
        self.open.append(lane)
        self.orders[lane] = []

    def close_lane(self) -> None:
        if len(self.open) > 1:
            lane = self.open.pop(self.dice.randrange(len(self.open)))
            self.scheduler.close(lane)

    def submit(self) -> None:
        lane = self.dice.choice(self.open)
        now = time.monotonic()
        new = job(self.dice.choice([None, None, now - 1, now + 0.001, now + 3600]))
        try:
            self.scheduler.submit(lane, new)
        except (Overloaded, Expired, Draining):
            assert not new.answer.done
            return
        self.accepted.append(new)
        self.orders[lane].append(new)
        self.answers[new] = 0
        new.answer.on_done(lambda: self.count(new))

    def count(self, answered: Job) -> None:
        self.answers[answered] += 1

    def leave(self) -> None:
        if self.accepted:
            self.dice.choice(self.accepted).answer.cancel()

    def pause_or_resume(self) -> None:
        lane = self.dice.choice(self.open)
        (self.scheduler.resume if lane.paused else self.scheduler.pause)(lane)

    def take(self) -> None:
        self.takers.append(asyncio.create_task(self._take()))

    def stop_taking(self) -> None:
        if self.takers:
            self.dice.choice(self.takers).cancel()

    async def _take(self) -> Job:
        job = await take(self.scheduler)
        job.taken = time.monotonic()
        assert not job.answer.done, "handed out though it was answered"
        self.handed_out.append(job)
        return job

    def finish(self) -> None:
        if self.handed_out:
            outcomes = (RESULT, EngineFailed("crashed"))
            self.dice.choice(self.handed_out).settle(self.dice.choice(outcomes))

    def fail_waiting(self) -> None:
        self.scheduler.fail_waiting(lambda _: EngineFailed("none left"))

    def check(self) -> None:
        assert len(set(self.handed_out)) == len(self.handed_out), "handed out twice"
        for order in self.orders.values():
            places = [self.handed_out.index(each) for each in order if each in self.handed_out]
            assert places == sorted(places), "a lane's frames overtook each other"

    async def run(self) -> None:
        frequent = [self.submit] * 8 + [self.take] * 5 + [self.finish] * 4
        rare = [self.leave, self.pause_or_resume, self.stop_taking, self.open_lane]
        rarest = [self.close_lane, self.fail_waiting]
        self.open_lane()
        for _ in range(200):
            self.dice.choice(frequent * 4 + rare * 3 + rarest)()
            for _ in range(self.dice.choice([0, 0, 1, 3])):
                await asyncio.sleep(0)
            self.check()
        self.scheduler.drain()
        await self.finish_all()

    async def finish_all(self) -> None:
        for lane in self.open:
            self.scheduler.resume(lane)
        while self.scheduler.depth:
            self.take()
            await turns()
        for each in self.handed_out:
            each.settle(RESULT)
        for taker in self.takers:
            taker.cancel()
        await asyncio.gather(*self.takers, return_exceptions=True)
        await turns()
        self.check()
        assert self.accepted
        assert set(self.answers.values()) == {1}, "every frame is answered exactly once"


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_happens_each_frame_is_answered_once(seed: int) -> None:
    async with asyncio.timeout(30):
        await Model(seed).run()


async def test_lanes_share_the_turns_by_their_weights() -> None:
    """While all have frames; and one that comes late saves up nothing."""
    scheduler = Scheduler()
    high, normal, low = every(), every(), every()
    high.weight, low.weight = 4.0, 0.25
    opened(scheduler, high, normal, low)
    of = dict.fromkeys(submitted(scheduler, high, 100), "high")
    of |= dict.fromkeys(submitted(scheduler, normal, 100), "normal")
    of |= dict.fromkeys(submitted(scheduler, low, 100), "low")
    first = [of[job] for job in await taken(scheduler, 63)]
    assert [first.count(name) for name in ("high", "normal", "low")] == [48, 12, 3]
    late = every()
    opened(scheduler, late)
    of |= dict.fromkeys(submitted(scheduler, late, 100), "late")
    then = [of[job] for job in await taken(scheduler, 60)]
    assert then.count("late") == pytest.approx(then.count("normal"), abs=1)


async def test_a_busy_engine_is_given_frames_that_cannot_grow_stale() -> None:
    scheduler = Scheduler()
    keeping, fresh = every(), latest()
    opened(scheduler, keeping, fresh)
    first, second = submitted(scheduler, keeping, 2)
    (newest,) = submitted(scheduler, fresh, 1)
    assert scheduler.take(busy=True) is first
    assert scheduler.take(busy=True) is None, "it is the turn of what may yet be superseded"
    assert scheduler.take() is newest
    assert scheduler.take(busy=True) is second


async def test_an_engine_prefetches_frames_that_can_grow_stale() -> None:
    scheduler, fresh = Scheduler(), latest()
    opened(scheduler, fresh)
    (newest,) = submitted(scheduler, fresh, 1)
    assert scheduler.take(busy=True) is None
    assert scheduler.take(busy=True, prefetch=True) is newest
    scheduler.requeue(newest)
    assert scheduler.take(busy=True, prefetch=True) is None, (
        "engines were lost with it: it goes alone"
    )


async def test_a_frame_that_an_engine_was_lost_with_is_not_given_to_a_busy_one() -> None:
    scheduler, lane = Scheduler(), every()
    opened(scheduler, lane)
    submitted(scheduler, lane, 2)
    lost = scheduler.take()
    assert lost is not None
    scheduler.requeue(lost)
    assert scheduler.take(busy=True) is None
    assert scheduler.take() is lost


class Cameras:
    """Streams with LATEST that share an engine, of which a service is the unit of time.

    Camera n sends a frame every `periods[n]`; they are out of step, or `in_step`. Beside them
    `greedy` streams with EVERY always have a frame; their lanes come last. `ages` are those of
    frames when they were taken, by lane.
    """

    def __init__(
        self,
        periods: list[float],
        *,
        greedy: int = 0,
        in_step: bool = False,
        weights: list[float] | None = None,
    ) -> None:
        self.now = 1.0
        self.scheduler = Scheduler(clock=lambda: self.now)
        self.greedy = [every() for _ in range(greedy)]
        self.lanes = [latest() for _ in periods] + self.greedy
        for lane, weight in zip(self.lanes, weights or [], strict=False):
            lane.weight = weight
        opened(self.scheduler, *self.lanes)
        self.ages: list[list[float]] = [[] for _ in self.lanes]
        self.owners: dict[Job, int] = {}
        dice = random.Random(3)
        self._coming = [
            ((0.0 if in_step else dice.random()) * period, number)
            for number, period in enumerate(periods)
        ]
        self._periods = periods

    @property
    def served(self) -> list[int]:
        """How many frames of each lane were taken."""
        return list(map(len, self.ages))

    def stop(self, camera: int) -> None:
        """It sends no more."""
        self._coming = [entry for entry in self._coming if entry[1] != camera]

    def send(self, number: int, at: float) -> None:
        frame = job()
        frame.received = at
        self.owners[frame] = number
        self.scheduler.submit(self.lanes[number], frame)

    async def run(self, services: int) -> None:
        for _ in range(services):
            heapq.heapify(self._coming)
            while self._coming[0][0] <= self.now:
                due, camera = self._coming[0]
                heapq.heapreplace(self._coming, (due + self._periods[camera], camera))
                self.send(camera, due)
            for number, lane in enumerate(self.lanes):
                if lane in self.greedy and not len(lane):
                    self.send(number, self.now)
            if taken := self.scheduler.take():
                self.ages[self.owners[taken]].append(self.now - taken.received)
            self.now += 1.0
            await asyncio.sleep(0)


@pytest.mark.parametrize("in_step", [True, False])
async def test_cameras_and_a_stream_of_files_get_equal_shares(in_step: bool) -> None:
    """Whose frames never give way, so that their age counts for nothing."""
    cameras = Cameras([6.0] * 8, greedy=1, in_step=in_step)
    await cameras.run(1800)
    assert min(cameras.served) > 0.95 * 1800 / 9
    assert max(cameras.served) < 1.05 * 1800 / 9


@pytest.mark.parametrize("period", [5.0, 8.0, 8.9, 9.1, 12.0])
@pytest.mark.parametrize("greedy", [0, 8])
async def test_a_camera_gets_what_it_sends_up_to_its_share(period: float, greedy: int) -> None:
    """Among 8 fast ones, with EVERY or LATEST, if it sends a little more or a little less."""
    cameras = Cameras([period] + [0.7] * (8 - greedy), greedy=greedy)
    await cameras.run(2700)
    assert cameras.served[0] > 0.93 * 2700 / max(period, 9)


@pytest.mark.parametrize("greedy", [0, 4])
async def test_a_camera_of_higher_priority_gets_more_turns(greedy: int) -> None:
    """A camera with four turns for one of the others, which sends no more than that."""
    weights = [4.0] + [1.0] * 4
    cameras = Cameras([2.1] + [1.5] * (4 - greedy), greedy=greedy, weights=weights)
    await cameras.run(2100)
    assert cameras.served[0] > 0.9 * 2100 / 2.1
    assert min(cameras.served[1:]) > 0.9 * (2100 - cameras.served[0]) / 4


async def test_cameras_over_capacity_get_equal_shares_of_fresh_frames() -> None:
    cameras = Cameras([8 / 3] * 8)
    await cameras.run(1600)
    assert min(cameras.served) > 0.9 * max(cameras.served)
    ages = sorted(itertools.chain(*cameras.ages))
    assert ages[int(0.99 * len(ages))] < 1.5, "by turns alone it would be 2.7"


async def test_frames_of_many_cameras_are_fresh_from_the_first_on() -> None:
    """Also before anything is known of how often each sends."""
    cameras = Cameras([32 / 4] * 32)
    await cameras.run(400)
    ages = sorted(itertools.chain(*cameras.ages))
    assert len(ages) > 390
    assert ages[int(0.99 * len(ages))] < 2, "by turns alone it would be 8"
    assert min(cameras.served) > 400 / 32 / 3, "none is left out"


async def test_a_client_with_one_frame_at_a_time_gets_its_turns_among_fast_cameras() -> None:
    cameras = Cameras([0.3] * 8)
    patient = len(cameras.lanes)
    cameras.lanes.append(latest())
    opened(cameras.scheduler, cameras.lanes[patient])
    cameras.ages.append([])
    for _ in range(1800):
        if not len(cameras.lanes[patient]):
            cameras.send(patient, cameras.now)
        await cameras.run(1)
    assert len(cameras.ages[patient]) > 0.9 * 1800 / 9


async def test_a_stream_for_each_frame_gains_nothing_by_it() -> None:
    cameras = Cameras([3.0] * 8)
    cameras.ages.append([])
    lane = None
    for _ in range(1800):
        if lane is None or not len(lane):
            if lane is not None:
                cameras.scheduler.close(lane)
            lane = every()
            cameras.lanes[8:] = [lane]
            opened(cameras.scheduler, lane)
            cameras.send(8, cameras.now)
        await cameras.run(1)
    assert cameras.served[8] < 1.1 * 1800 / 9
    assert min(cameras.served) > 0.8 * 1800 / 9


async def test_a_slow_camera_among_fast_ones_gets_a_result_for_every_frame() -> None:
    cameras = Cameras([0.3] * 8 + [24.0])
    await cameras.run(2400)
    assert len(cameras.ages[-1]) >= 99
    assert max(cameras.ages[-1][5:]) < 2


async def test_the_last_frame_of_a_camera_that_stops_is_not_kept_for_a_newer_one() -> None:
    cameras = Cameras([8 / 3] * 8)
    await cameras.run(400)
    for camera in range(4):
        cameras.stop(camera)
    await cameras.run(20)
    assert not any(map(len, cameras.lanes[:4]))


async def test_in_an_exclusive_moment_no_engine_has_a_frame_and_those_that_come_wait() -> None:
    scheduler, lane, woken = Scheduler(), every(), list[bool]()
    opened(scheduler, lane)
    submitted(scheduler, lane, 2)
    taken = scheduler.take()
    assert taken is not None
    begun = asyncio.Event()

    async def alone() -> None:
        async with scheduler.exclusive():
            begun.set()
            assert scheduler.take() is None
            await asyncio.sleep(0)

    waiting = asyncio.create_task(alone())
    await asyncio.sleep(0)
    assert not begun.is_set(), "an engine has a frame"
    assert scheduler.take() is None, "nor gets it another"
    scheduler.watch(lambda: woken.append(True))
    taken.settle(Overloaded("as the test wants it", 1.0))
    scheduler.finish(taken, 0.01)
    await waiting
    assert begun.is_set()
    assert woken
    assert scheduler.take() is not None


async def test_a_frame_that_is_queued_again_is_in_no_engine() -> None:
    scheduler, lane = Scheduler(), every()
    opened(scheduler, lane)
    submitted(scheduler, lane, 1)
    taken = scheduler.take()
    assert taken is not None
    scheduler.requeue(taken)
    async with asyncio.timeout(1), scheduler.exclusive():
        pass
    again = scheduler.take()
    assert again is taken
    again.settle(Overloaded("as the test wants it", 1.0))
    scheduler.finish(again, 0.01)
    async with asyncio.timeout(1), scheduler.exclusive():
        pass


async def test_a_scheduler_is_unused_some_time_after_its_last_frame() -> None:
    clock = [0.0]
    scheduler, lane = Scheduler(clock=lambda: clock[0]), every()
    opened(scheduler, lane)
    submitted(scheduler, lane, 1)
    taken = scheduler.take()
    assert taken is not None
    clock[0] = 0.1
    waiting = asyncio.create_task(scheduler.unused(0.05))
    await asyncio.sleep(0.06)
    assert not waiting.done(), "an engine has a frame"
    taken.settle(Overloaded("as the test wants it", 1.0))
    scheduler.finish(taken, 0.01)
    clock[0] = 0.2
    await waiting
