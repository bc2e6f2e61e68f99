"""Which delegate runs next, as time goes by."""

from __future__ import annotations

import pytest

from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.supervision.delegate_ranking import (
    LONGEST_REST,
    MAX_CLEARED,
    PROVEN_SECONDS,
    Ladder,
    Rung,
)

TPU: Choice = (DelegateSpec("tpu", ("libtpu.so",)), 1)
GPU: Choice = (DelegateSpec("gpu", ("libgpu.so",), {"precision": "half"}), 1)
CPU: Choice = (DelegateSpec(), 2)
REST = 30.0


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ladder(clock: Clock) -> Ladder:
    return Ladder([TPU, GPU, CPU], rest_seconds=REST, clock=clock)


def started(ladder: Ladder) -> Rung:
    rung = ladder.usable()
    ladder.start(rung)
    return rung


def test_the_best_delegate_runs_first(ladder: Ladder) -> None:
    rung = started(ladder)
    assert rung.choice == TPU
    assert ladder.better_than(rung) is None


def test_a_delegate_that_failed_once_is_started_again(ladder: Ladder) -> None:
    rung = started(ladder)
    ladder.fail(rung)
    assert ladder.usable() is rung
    assert not rung.doubted


def test_two_failures_within_a_minute_replace_a_delegate_by_the_next(
    ladder: Ladder, clock: Clock
) -> None:
    rung = started(ladder)
    ladder.fail(rung)
    ladder.fail(rung)
    below = started(ladder)
    assert below.choice == GPU
    assert ladder.better_than(below) == (rung, REST)
    clock.now += REST
    assert ladder.better_than(below) == (rung, 0)
    assert rung.doubted


def test_wrong_masks_replace_a_delegate_by_the_next_at_once(ladder: Ladder) -> None:
    rung = started(ladder)
    ladder.fail(rung, wrong=True)
    assert ladder.usable().choice == GPU
    assert rung.doubted


def test_a_delegate_that_hung_is_started_again_while_the_next_serves(ladder: Ladder) -> None:
    rung = started(ladder)
    ladder.fail(rung, stuck=True)
    below = started(ladder)
    assert below.choice == GPU
    assert ladder.better_than(below) == (rung, 0)
    assert not rung.doubted, "it failed only once"


def test_a_failed_delegate_that_starts_slowly_is_started_again_while_the_next_serves(
    ladder: Ladder,
) -> None:
    rung = started(ladder)
    rung.start_seconds = 3
    ladder.fail(rung)
    assert ladder.usable().choice == GPU
    assert not rung.doubted


def test_a_delegate_that_ran_for_a_minute_may_fail_once_more(ladder: Ladder, clock: Clock) -> None:
    rung = started(ladder)
    for _ in range(5):
        ladder.fail(rung)
        assert ladder.usable() is rung
        ladder.start(rung)
        clock.now += PROVEN_SECONDS
    ladder.fail(rung, wrong=True)
    assert ladder.usable() is not rung


def test_the_cool_down_of_a_delegate_doubles_up_to_a_limit(ladder: Ladder, clock: Clock) -> None:
    rung, waits = started(ladder), []
    for _ in range(10):
        ladder.fail(rung, wrong=True)
        step = ladder.better_than(started(ladder))
        assert step is not None
        waits.append(step[1])
        clock.now += step[1]
        ladder.start(rung)
    assert waits[:3] == [REST, 2 * REST, 4 * REST]
    assert waits[-2:] == [LONGEST_REST * REST] * 2


def test_the_last_delegate_is_started_again_however_often_it_fails(ladder: Ladder) -> None:
    for _ in range(2):
        ladder.fail(started(ladder), wrong=True)
    last = started(ladder)
    assert last.choice == CPU
    for _ in range(5):
        ladder.fail(last)
        assert ladder.usable() is last
    assert not last.doubted


def test_the_delegate_whose_cool_down_ends_first_comes_back_first(
    ladder: Ladder, clock: Clock
) -> None:
    top = started(ladder)
    ladder.fail(top, wrong=True)
    clock.now += REST / 2
    middle = started(ladder)
    ladder.fail(middle, stuck=True)
    last = started(ladder)
    assert ladder.better_than(last) == (middle, 0)
    ladder.start(middle)
    assert ladder.better_than(middle) == (top, REST / 2)


def test_a_forced_delegate_is_started_again_and_never_replaced(clock: Clock) -> None:
    ladder = Ladder([TPU], rest_seconds=REST, clock=clock)
    rung = started(ladder)
    ladder.fail(rung)
    ladder.fail(rung)
    assert ladder.usable() is rung
    assert not rung.doubted
    ladder.fail(rung, wrong=True)
    assert ladder.usable() is rung
    assert rung.doubted, "it must prove itself"


def test_a_new_order_of_delegates_keeps_how_they_fared(ladder: Ladder) -> None:
    rung = started(ladder)
    ladder.fail(rung, wrong=True)
    ladder.reorder([GPU, TPU, CPU])
    assert ladder.usable().choice == GPU
    ladder.reorder([TPU, CPU])
    assert ladder.usable().choice == CPU


def test_every_delegate_is_better_than_one_that_is_no_candidate_any_more(ladder: Ladder) -> None:
    rung = started(ladder)
    ladder.reorder([GPU, CPU])
    step = ladder.better_than(rung)
    assert step is not None
    assert (step[0].choice, step[1]) == (GPU, 0)


def rested(ladder: Ladder) -> Rung:
    """The best one, which worked, failed twice and rests."""
    rung = started(ladder)
    rung.worked = True
    for _ in range(2):
        ladder.fail(rung)
    assert ladder.usable() is not rung
    return rung


def test_a_delegate_whose_losses_were_a_frames_fault_runs_again_at_once(ladder: Ladder) -> None:
    rung = rested(ladder)
    ladder.clear(rung, certain=True)
    assert ladder.usable() is rung
    assert not rung.doubted
    assert ladder.better_than(ladder.last) == (rung, 0)
    ladder.fail(rung)
    assert ladder.usable() is rung, "its failures count anew"
    ladder.fail(rung)
    assert ladder.better_than(started(ladder)) == (rung, REST), "and so does its rest"


def test_a_delegate_that_segments_other_frames_is_cleared_a_few_times_only(
    ladder: Ladder,
) -> None:
    for _ in range(MAX_CLEARED):
        rung = rested(ladder)
        ladder.clear(rung, certain=False)
        assert ladder.usable() is rung
    rung = rested(ladder)
    ladder.clear(rung, certain=False)
    assert ladder.usable() is not rung
    ladder.clear(rung, certain=True)
    assert ladder.usable() is rung


def test_a_delegate_that_segmented_nothing_since_it_was_cleared_rests(ladder: Ladder) -> None:
    rung = rested(ladder)
    ladder.clear(rung, certain=False)
    for _ in range(2):
        ladder.fail(started(ladder))
    ladder.clear(rung, certain=False)
    assert ladder.usable() is not rung


@pytest.mark.parametrize("certain", [True, False])
def test_wrong_masks_are_never_a_frames_fault(ladder: Ladder, certain: bool) -> None:
    rung = started(ladder)
    rung.worked = True
    ladder.fail(rung, wrong=True)
    ladder.clear(rung, certain=certain)
    assert ladder.usable() is not rung
