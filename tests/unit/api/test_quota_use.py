"""What one identity may use, on a clock of the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.access.quota import NO_LIMITS, Quota
from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.access.tokens import make_token
from edgesegd.api import quota_use
from edgesegd.api.call_quota import NO_QUOTA, CallQuota
from edgesegd.api.quota_use import MIN_BURST, QuotaUse, QuotaUses
from edgesegd.api.status import trailing_metadata
from edgesegd.core.errors import Forbidden, Overloaded
from edgesegd.core.priority import Priority
from edgesegd.scheduling.rate_bucket import MAX_SECONDS


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Identity:
    """One identity with its use, and the limits that it met."""

    def __init__(self, quota: Quota) -> None:
        self.clock, self.met = Clock(), Counter[str]()
        self.use = QuotaUse("the token 'robot'", on_limit=self.count, clock=self.clock)
        self.use.change(quota)
        self.quota = CallQuota(self.use)

    def count(self, limit: str) -> None:
        self.met[limit] += 1

    def frames(self, count: int, size: int = 1) -> int:
        """How many of so many frames at once are served."""
        served = 0
        for _ in range(count):
            try:
                self.quota.take_frame(size)
            except Overloaded:
                continue
            served += 1
        return served


def test_without_limits_everything_is_served() -> None:
    robot = Identity(NO_LIMITS)
    assert robot.frames(1000, size=1 << 30) == 1000
    for quota in (robot.quota, NO_QUOTA):
        quota.require_model("any")
        assert quota.priority(Priority.HIGH) is Priority.HIGH
        assert quota.priority() is Priority.NORMAL
    assert not robot.met


def test_frames_above_the_rate_are_refused_with_the_time_to_try_again() -> None:
    robot = Identity(Quota(max_frames_per_second=10))
    assert robot.frames(30) == 10
    assert robot.met == {"quota_frames": 20}
    with pytest.raises(Overloaded, match="'robot' may send 10 frames per second") as refused:
        robot.quota.take_frame(1)
    robot.clock.now += refused.value.retry_after
    assert refused.value.retry_after == pytest.approx(0.1)
    assert robot.frames(30) == 1


@given(
    rate=st.floats(5e-324, 1e6),
    octets=st.integers(1, 1 << 50),
    sizes=st.lists(st.integers(0, 1 << 30), min_size=3, max_size=20),
)
def test_a_client_that_waits_as_long_as_its_metadata_say_is_served(
    rate: float, octets: int, sizes: list[int]
) -> None:
    robot = Identity(Quota(max_frames_per_second=rate, max_bytes_per_second=octets))
    for size in sizes:
        try:
            robot.quota.take_frame(size)
        except Overloaded as refused:
            milliseconds = int(dict(trailing_metadata(refused))["grpc-retry-pushback-ms"])
            assert 0 < milliseconds <= 1000 * MAX_SECONDS
            if refused.retry_after < MAX_SECONDS:
                robot.clock.now += milliseconds / 1000
                robot.quota.take_frame(size)


def test_a_camera_slower_than_one_frame_a_second_may_be_a_little_early() -> None:
    robot = Identity(Quota(max_frames_per_second=0.5))
    assert robot.frames(10) == MIN_BURST
    robot.clock.now += 100
    served = 0
    for number in range(100):
        robot.clock.now += 1.9 if number % 2 else 2.1
        served += robot.frames(1)
    assert served == 100


def test_a_frame_larger_than_a_second_of_bytes_is_served_and_paid_back() -> None:
    robot = Identity(Quota(max_bytes_per_second=1000))
    robot.quota.take_frame(5000)
    with pytest.raises(Overloaded, match="1,000 bytes of frames per second") as refused:
        robot.quota.take_frame(1000)
    assert refused.value.retry_after == pytest.approx(5)
    assert robot.met == {"quota_bytes": 1}
    robot.clock.now += 5.001
    robot.quota.take_frame(1000)


def test_a_frame_that_is_refused_counts_nothing() -> None:
    robot = Identity(Quota(max_frames_per_second=3, max_bytes_per_second=1000))
    robot.quota.take_frame(1000)
    assert robot.frames(50, size=10) == 0
    assert robot.met == {"quota_bytes": 50}
    robot.clock.now += 0.1
    assert robot.frames(50, size=10) == 2, "the frames that were refused are none of the three"


def test_a_changed_rate_holds_at_once() -> None:
    robot = Identity(Quota(max_frames_per_second=5))
    assert robot.frames(20) == 5
    robot.use.change(Quota(max_frames_per_second=50))
    assert robot.frames(200) == 50
    robot.use.change(NO_LIMITS)
    assert robot.frames(200) == 200
    robot.use.change(Quota(max_frames_per_second=5))
    assert robot.frames(20) == 5


def test_the_same_rate_again_gives_no_new_burst() -> None:
    robot = Identity(Quota(max_frames_per_second=5))
    assert robot.frames(20) == 5
    robot.use.change(Quota(max_frames_per_second=5, max_streams=1))
    assert robot.frames(20) == 0


def test_a_model_that_is_not_in_the_quota_is_forbidden() -> None:
    robot = Identity(Quota(models=("road", "scenes")))
    robot.quota.require_model("road")
    with pytest.raises(Forbidden, match=r"not for the model 'sky' \(it is for road, scenes\)"):
        robot.quota.require_model("sky")
    assert robot.met == {"quota_models": 1}


def test_a_priority_above_the_highest_is_forbidden_and_none_is_never_too_high() -> None:
    robot = Identity(Quota(max_priority=Priority.LOW))
    assert robot.quota.priority(Priority.LOW) is Priority.LOW
    assert robot.quota.priority() is Priority.LOW
    for asked in (Priority.NORMAL, Priority.HIGH):
        with pytest.raises(Forbidden, match="low is the highest"):
            robot.quota.priority(asked)
    assert robot.met == {"quota_priority": 2}
    robot.use.change(Quota(max_priority=Priority.HIGH))
    assert robot.quota.priority() is Priority.NORMAL


async def test_a_stream_too_many_waits_for_the_end_of_one() -> None:
    robot = Identity(Quota(max_streams=1))
    opened = asyncio.Event()

    async def second() -> None:
        async with robot.quota.stream():
            opened.set()

    async with robot.quota.stream():
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not opened.is_set()
    await waiting
    assert opened.is_set()
    assert not robot.met


async def test_a_stream_too_many_is_refused_until_one_ends_and_an_open_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quota_use, "RETRY_AFTER", 0.01)
    robot = Identity(Quota(max_streams=2))
    async with robot.quota.stream():
        async with robot.quota.stream():
            with pytest.raises(Overloaded, match="may have 2 streams at a time, and has 2"):
                async with robot.quota.stream():
                    pass
            robot.use.change(Quota(max_streams=1))
        with pytest.raises(Overloaded, match="may have 1 stream at a time, and has 1"):
            async with robot.quota.stream():
                pass
    async with robot.quota.stream():
        pass
    assert robot.met == {"quota_streams": 2}


async def test_a_stream_that_waits_is_opened_when_the_quota_grows() -> None:
    robot = Identity(Quota(max_streams=0))

    async def stream() -> bool:
        async with robot.quota.stream():
            return True

    waiting = asyncio.create_task(stream())
    await asyncio.sleep(0)
    robot.use.change(Quota(max_streams=1))
    assert await waiting
    assert not robot.met


ROBOT, CAMERA = map(QuotaHolder.of_certificate, ("robot", "camera"))


def test_calls_of_one_holder_share_its_use_and_those_of_others_have_their_own() -> None:
    uses, quota = QuotaUses(lambda _: None), Quota(max_frames_per_second=5)
    assert uses.use_of(ROBOT, quota) is uses.use_of(ROBOT, quota)
    assert uses.use_of(ROBOT, quota) is not uses.use_of(CAMERA, quota)


def test_a_changed_quota_reaches_open_calls_and_a_holder_that_is_gone_leaves_nothing() -> None:
    uses, quotas = QuotaUses(lambda _: None), {ROBOT: NO_LIMITS, CAMERA: NO_LIMITS}
    use, _ = (uses.use_of(holder, quotas[holder]) for holder in (ROBOT, CAMERA))
    del quotas[CAMERA]
    quotas[ROBOT] = Quota(models=("road",))
    uses.update(quotas.get, in_use={CAMERA})
    with pytest.raises(Forbidden):
        use.require_model("sky")
    assert list(uses._uses) == [ROBOT, CAMERA]
    uses.update(lambda _: None, in_use=set())
    assert not uses._uses


def test_a_token_of_the_same_name_is_another_holder() -> None:
    first, second = (make_token("robot", ["infer"], now=0.0)[0] for _ in range(2))
    holders = {QuotaHolder.of_token(token) for token in (first, first, second)}
    assert len({*holders, ROBOT}) == 3
    assert {str(holder) for holder in holders} == {"the token 'robot'"}


def test_a_call_with_two_identities_is_within_the_limits_of_both_and_counts_for_both_or_none() -> (
    None
):
    robot = Identity(Quota(max_frames_per_second=5, max_priority=Priority.LOW))
    fleet = Identity(Quota(max_frames_per_second=8, models=("road",)))
    both = CallQuota(robot.use, fleet.use)
    served = 0
    for _ in range(20):
        with contextlib.suppress(Overloaded):
            both.take_frame(1)
            served += 1
    assert served == 5
    assert robot.met == {"quota_frames": 15}
    assert fleet.frames(20) == 3
    assert both.priority() is Priority.LOW
    with pytest.raises(Forbidden):
        both.priority(Priority.NORMAL)
    with pytest.raises(Forbidden):
        both.require_model("sky")
