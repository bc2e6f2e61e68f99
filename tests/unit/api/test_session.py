"""One stream, fed and read in this process, with an engine that the test controls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.access.quota import Quota
from edgesegd.api.call_quota import NO_QUOTA, CallQuota
from edgesegd.api.quota_use import QuotaUse
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.session import WINDOW, StreamSession
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    Draining,
    EdgesegError,
    EngineFailed,
    InternalFault,
    NoEngine,
    Overloaded,
)
from edgesegd.core.frame import FrameLimits
from edgesegd.core.result import FrameResult
from edgesegd.core.reuse import ReuseStream
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.served_model import ServedModel
from support.counted import Counted
from support.model_specs import model_spec
from support.served import registry_of, served

FRAME_BYTES = 1 << 20
FRAMES = 200
JPEG = b"\xff\xd8\xff" + b"\x01" * (FRAME_BYTES - 3)
RESULT = FrameResult(1, 1, (1, 1), delegate="cpu")
EVERY = pb.StreamOptions(policy=pb.QUEUE_POLICY_EVERY)

Outcome = FrameResult | EdgesegError


class Board:
    """A data plane, and an engine that settles each frame with what `outcome` makes."""

    def __init__(self) -> None:
        self.seen = Counted()
        self.model = served(model_spec(), self.seen)
        self.scheduler = self.model.scheduler
        models = registry_of(self.model)
        limits = FrameLimits(2 * FRAME_BYTES, 10**6)
        self.reader = RequestReader(models, limits, RegionLeases(FairLimit(1 << 20, "bytes")))
        self.data_plane = DataPlane(
            models=models,
            limits=limits,
            frames=FairLimit(1 << 30, "bytes"),
            results=FairLimit(1 << 30, "bytes"),
            without_model=Counted(),
        )

    @contextmanager
    def answering(self, outcome: Callable[[], Outcome]) -> Iterator[None]:
        def work() -> None:
            while job := self.scheduler.take():
                job.settle(outcome())

        def soon() -> None:
            loop.call_soon(work)

        loop = asyncio.get_running_loop()
        stop = self.scheduler.watch(soon)
        try:
            yield
        finally:
            stop()

    def session(self, quota: CallQuota = NO_QUOTA) -> StreamSession:
        async def accepted(_model: ServedModel) -> None:
            pass

        return StreamSession(self.reader, self.data_plane, ("test",), None, accepted, quota=quota)


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def frame(number: int, data: bytes = JPEG, **more: int) -> pb.SegmentRequest:
    return pb.SegmentRequest(frame=pb.Frame(id=number, data=data, **more))  # type: ignore[arg-type]


async def requests(
    options: pb.StreamOptions, frames: Callable[[int], pb.SegmentRequest], count: int
) -> AsyncIterator[pb.SegmentRequest]:
    yield pb.SegmentRequest(options=options)
    for number in range(count):
        yield frames(number)
        await asyncio.sleep(0)


def never() -> Outcome:
    raise AssertionError("no such frame comes to an engine")


WAYS: dict[
    pb.FrameStatus.ValueType,
    tuple[pb.StreamOptions, Callable[[int], pb.SegmentRequest], Callable[[], Outcome] | None],
] = {
    pb.FRAME_STATUS_OK: (EVERY, frame, lambda: RESULT),
    pb.FRAME_STATUS_SUPERSEDED: (pb.StreamOptions(), frame, None),
    pb.FRAME_STATUS_EXPIRED: (
        pb.StreamOptions(
            policy=pb.QUEUE_POLICY_EVERY, segmentation=pb.SegmentationOptions(max_age_ms=1)
        ),
        lambda number: frame(number, age_us=1_000_000),
        never,
    ),
    pb.FRAME_STATUS_INVALID: (
        EVERY,
        lambda number: frame(number, b"no picture" + JPEG),
        never,
    ),
    pb.FRAME_STATUS_OVERLOADED: (EVERY, frame, lambda: Overloaded("full", 1.0)),
    pb.FRAME_STATUS_ENGINE_FAILED: (EVERY, frame, lambda: EngineFailed("crashed")),
    pb.FRAME_STATUS_INTERNAL: (EVERY, frame, InternalFault),
    pb.FRAME_STATUS_UNAVAILABLE: (EVERY, frame, lambda: NoEngine("none is ready")),
}
"""For each status the options, the frames and the engine that bring it about."""


def test_there_is_a_way_to_every_status() -> None:
    """But for what this daemon does not serve: it serves all that frames can ask for."""
    never_sent = {pb.FRAME_STATUS_UNSPECIFIED, pb.FRAME_STATUS_UNIMPLEMENTED}
    assert set(WAYS) == set(pb.FrameStatus.values()) - never_sent


@pytest.mark.parametrize("status", WAYS, ids=pb.FrameStatus.Name)
async def test_a_long_stream_of_one_status_grows_no_memory(
    status: pb.FrameStatus.ValueType,
) -> None:
    board = Board()
    options, frames, outcome = WAYS[status]
    with board.answering(outcome or never):
        if outcome is None:  # no engine takes the frames: each supersedes the one before
            board.scheduler.take = lambda **_: None  # type: ignore[method-assign]
        answered, before, most = 0, 0, 0
        async for response in board.session().responses(requests(options, frames, FRAMES)):
            if response.status != status:
                continue
            answered += 1
            before = before or resident()
            most = max(most, resident())
            if answered == FRAMES - 1:
                break
    assert answered == FRAMES - 1
    assert most - before < 40 * FRAME_BYTES


async def test_a_frame_that_waits_for_its_window_is_answered_when_the_daemon_stops() -> None:
    """It was read, so both its client and the metrics get the refusal."""
    board, window = Board(), WINDOW[pb.QUEUE_POLICY_EVERY]
    read = asyncio.Event()

    async def one_too_many() -> AsyncIterator[pb.SegmentRequest]:
        yield pb.SegmentRequest(options=EVERY)
        for number in range(window + 1):
            if number == window:
                read.set()
            yield frame(number)
        await asyncio.Event().wait()

    session, engine = board.session(), contextlib.ExitStack()

    async def stop() -> None:
        await read.wait()
        await asyncio.sleep(0)
        board.scheduler.drain()
        session.drain("the daemon is stopping")
        engine.enter_context(board.answering(lambda: RESULT))
        board.scheduler.wake()

    stopping = asyncio.create_task(stop())
    statuses: dict[int, pb.FrameStatus.ValueType] = {}
    with pytest.raises(Draining), engine:
        async for response in session.responses(one_too_many()):
            statuses[response.frame_id] = response.status
    await stopping
    assert statuses == {
        **dict.fromkeys(range(window), pb.FRAME_STATUS_OK),
        window: pb.FRAME_STATUS_UNAVAILABLE,
    }
    assert (board.seen.outcomes["ok"], board.seen.outcomes["unavailable"]) == (window, 1)


async def test_a_frame_that_waits_for_its_window_is_counted_when_its_client_leaves() -> None:
    board, window = Board(), WINDOW[pb.QUEUE_POLICY_EVERY]
    with board.answering(lambda: RESULT):
        responses = board.session().responses(requests(EVERY, frame, 3 * window))
        assert (await anext(responses)).status == pb.FRAME_STATUS_OK
        for _ in range(10):  # let the window fill
            await asyncio.sleep(0)
        await responses.aclose()
        await asyncio.sleep(0)
    assert board.seen.outcomes["ok"] == 1
    assert board.seen.outcomes["cancelled"] >= window


async def test_the_clock_of_the_board_may_jump_while_a_frame_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A board without a clock chip gets its time from the network some time after its start."""
    board = Board()

    def jump() -> Outcome:
        monkeypatch.setattr("time.time_ns", lambda: 1)
        return RESULT

    with board.answering(jump):
        async for response in board.session().responses(requests(EVERY, frame, 1)):
            timing = response.timing
            assert timing.received_unix_ns > 10**18
            assert 0 < timing.sent_unix_ns - timing.received_unix_ns < 60 * 10**9
    (total,) = board.seen.totals
    assert 0 < total < 60


class Tracked(FrameResult):
    """A result that can be found among all objects."""

    __slots__ = ()


@pytest.mark.parametrize("read", [0, 1, 2])
async def test_frames_of_a_client_that_left_are_freed_without_the_garbage_collector(
    read: int,
) -> None:
    """It would run late, because it does not know how large results are."""
    board = Board()
    gc.collect()
    gc.disable()
    before = set(map(id, gc.get_objects()))
    try:
        with board.answering(lambda: Tracked(1, 1, (1, 1), delegate="cpu")):
            for _ in range(5):
                responses = board.session().responses(requests(EVERY, frame, 8))
                for _ in range(read):
                    await anext(responses)
                await asyncio.sleep(0.01)  # until results are ready
                await responses.aclose()
                del responses
                for _ in range(10):
                    await asyncio.sleep(0)
        left = [each for each in gc.get_objects() if isinstance(each, Tracked | StreamSession)]
        assert [each for each in left if id(each) not in before] == []
    finally:
        gc.enable()


async def test_a_result_that_comes_after_its_client_left_is_not_kept() -> None:
    board = Board()
    session = board.session()
    responses = session.responses(requests(EVERY, frame, 2))
    reading = asyncio.ensure_future(anext(responses))
    while (job := board.scheduler.take()) is None:
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await responses.aclose()
    result = Tracked(1, 1, (1, 1), delegate="cpu")
    job.settle(result)
    del job
    for _ in range(10):
        await asyncio.sleep(0)
    assert [type(each) for each in gc.get_referrers(result)] == []


async def test_a_frame_is_answered_whatever_goes_wrong_when_it_is_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board, failures = Board(), [MemoryError(), RuntimeError("unforeseen")]
    submit = board.scheduler.submit

    def failing(lane: Lane, job: Job) -> None:
        if failures:
            raise failures.pop()
        submit(lane, job)

    monkeypatch.setattr(board.scheduler, "submit", failing)
    with board.answering(lambda: RESULT):
        found = [each.status async for each in board.session().responses(requests(EVERY, frame, 3))]
    assert sorted(found) == [pb.FRAME_STATUS_OK, *[pb.FRAME_STATUS_INTERNAL] * 2]


@pytest.mark.parametrize("policy", [pb.QUEUE_POLICY_EVERY, pb.QUEUE_POLICY_LATEST])
async def test_every_is_answered_in_the_order_of_its_frames_and_latest_as_it_comes(
    policy: pb.QueuePolicy.ValueType,
) -> None:
    """Engines may be done in another order; a frame that none sees is answered at once."""
    board, taken = Board(), list[Job]()

    async def frames_one_by_one() -> AsyncIterator[pb.SegmentRequest]:
        yield pb.SegmentRequest(options=pb.StreamOptions(policy=policy))
        for number in range(3):
            yield frame(number)
            while (job := board.scheduler.take()) is None:
                await asyncio.sleep(0)
            taken.append(job)
        yield frame(3, b"no picture")
        for job in reversed(taken):
            job.settle(RESULT)
            await asyncio.sleep(0)

    answers = board.session().responses(frames_one_by_one())
    order = [answer.frame_id async for answer in answers]
    assert order == ([0, 1, 2, 3] if policy == pb.QUEUE_POLICY_EVERY else [3, 2, 1, 0])


async def test_results_that_wait_for_the_turn_of_their_frames_do_not_stop_the_others() -> None:
    """A slow engine with the first frame in it holds answers back, but no frames."""
    board, window = Board(), WINDOW[pb.QUEUE_POLICY_EVERY]
    answers = board.session().responses(requests(EVERY, frame, window))
    reading = asyncio.ensure_future(anext(answers))
    taken = list[Job]()
    while len(taken) < window:
        if job := board.scheduler.take():
            if taken:
                job.settle(RESULT)
            taken.append(job)
        await asyncio.sleep(0)
    assert not reading.done()
    taken[0].settle(RESULT)
    order = [(await reading).frame_id, *[answer.frame_id async for answer in answers]]
    assert order == list(range(window))


async def test_a_stream_that_reuses_numbers_all_its_frames_and_ends_with_its_call() -> None:
    """Engines keep frames of it until nothing refers to it any more."""
    board, options = Board(), pb.StreamOptions(policy=EVERY.policy, reuse=pb.REUSE_IDENTICAL)
    places: list[tuple[int, int]] = []
    streams: list[weakref.ref[ReuseStream]] = []

    def work() -> None:
        while job := board.scheduler.take():
            assert job.in_stream is not None
            places.append((job.in_stream.frame_id, job.in_stream.place))
            streams.append(weakref.ref(job.in_stream.stream))
            job.settle(RESULT)
            board.scheduler.finish(job, 0.01)

    def frames(number: int) -> pb.SegmentRequest:
        return frame(100 + number, b"no picture" if number == 1 else JPEG)

    def soon() -> None:
        asyncio.get_running_loop().call_soon(work)

    stop = board.scheduler.watch(soon)
    session = board.session()
    statuses = [answer.status async for answer in session.responses(requests(options, frames, 4))]
    stop()
    assert len(statuses) == 4
    assert places == [(100, 0), (102, 2), (103, 3)], "those that are refused count too"
    assert [stream() for stream in streams] == [None] * 3
    assert session.model is not None, "though the session is still here"


async def test_a_client_that_sends_over_its_quota_is_slowed_down_as_with_wrong_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board, use, count = Board(), QuotaUse("the token 'robot'"), 20
    use.change(Quota(max_bytes_per_second=1))
    delayed: list[Client] = []

    def noted(client: Client) -> float:
        delayed.append(client)
        return 0.0

    monkeypatch.setattr(board.data_plane, "error_delay", noted)
    with board.answering(lambda: RESULT):
        stream = board.session(CallQuota(use)).responses(requests(EVERY, frame, count))
        statuses = [response.status async for response in stream]
    assert statuses == [pb.FRAME_STATUS_OK] + [pb.FRAME_STATUS_OVERLOADED] * (count - 1)
    assert len(delayed) == count - 1
    outcomes = board.seen.outcomes
    assert (outcomes["ok"], outcomes["overloaded"]) == (1, count - 1)
