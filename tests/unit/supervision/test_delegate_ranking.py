"""Which delegate runs next, as time goes by."""

from __future__ import annotations

import pytest

from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.supervision.delegate_ranking import (
    MAX_BLAMED,
    MAX_COOL_DOWN,
    PROVEN_SECONDS,
    DelegateRanking,
    RankedDelegate,
)
from support.manual_clock import Clock

TPU: Choice = (DelegateSpec("tpu", ("libtpu.so",)), 1)
GPU: Choice = (DelegateSpec("gpu", ("libgpu.so",), {"precision": "half"}), 1)
CPU: Choice = (DelegateSpec(), 2)
COOL_DOWN = 30.0


@pytest.fixture
def ranking(clock: Clock) -> DelegateRanking:
    return DelegateRanking([TPU, GPU, CPU], cool_down=COOL_DOWN, clock=clock)


def started(ranking: DelegateRanking) -> RankedDelegate:
    ranked = ranking.usable()
    ranking.start(ranked)
    return ranked


def test_the_best_delegate_runs_first(ranking: DelegateRanking) -> None:
    ranked = started(ranking)
    assert ranked.choice == TPU
    assert ranking.better_than(ranked) is None


def test_a_delegate_that_failed_once_is_started_again(ranking: DelegateRanking) -> None:
    ranked = started(ranking)
    ranking.fail(ranked)
    assert ranking.usable() is ranked
    assert not ranked.needs_proof


def test_two_failures_within_a_minute_replace_a_delegate_by_the_next(
    ranking: DelegateRanking, clock: Clock
) -> None:
    ranked = started(ranking)
    ranking.fail(ranked)
    ranking.fail(ranked)
    below = started(ranking)
    assert below.choice == GPU
    assert ranking.better_than(below) == (ranked, COOL_DOWN)
    clock.now += COOL_DOWN
    assert ranking.better_than(below) == (ranked, 0)
    assert ranked.needs_proof


def test_wrong_masks_replace_a_delegate_by_the_next_at_once(ranking: DelegateRanking) -> None:
    ranked = started(ranking)
    ranking.fail(ranked, wrong=True)
    assert ranking.usable().choice == GPU
    assert ranked.needs_proof


def test_a_delegate_that_hung_is_started_again_while_the_next_serves(
    ranking: DelegateRanking,
) -> None:
    ranked = started(ranking)
    ranking.fail(ranked, stuck=True)
    below = started(ranking)
    assert below.choice == GPU
    assert ranking.better_than(below) == (ranked, 0)
    assert not ranked.needs_proof, "it failed only once"


def test_a_failed_delegate_that_starts_slowly_is_started_again_while_the_next_serves(
    ranking: DelegateRanking,
) -> None:
    ranked = started(ranking)
    ranked.start_seconds = 3
    ranking.fail(ranked)
    assert ranking.usable().choice == GPU
    assert not ranked.needs_proof


def test_a_delegate_that_ran_for_a_minute_may_fail_once_more(
    ranking: DelegateRanking, clock: Clock
) -> None:
    ranked = started(ranking)
    for _ in range(5):
        ranking.fail(ranked)
        assert ranking.usable() is ranked
        ranking.start(ranked)
        clock.now += PROVEN_SECONDS
    ranking.fail(ranked, wrong=True)
    assert ranking.usable() is not ranked


def test_the_cool_down_of_a_delegate_doubles_up_to_a_limit(
    ranking: DelegateRanking, clock: Clock
) -> None:
    ranked, waits = started(ranking), []
    for _ in range(10):
        ranking.fail(ranked, wrong=True)
        candidate = ranking.better_than(started(ranking))
        assert candidate is not None
        waits.append(candidate[1])
        clock.now += candidate[1]
        ranking.start(ranked)
    assert waits[:3] == [COOL_DOWN, 2 * COOL_DOWN, 4 * COOL_DOWN]
    assert waits[-2:] == [MAX_COOL_DOWN * COOL_DOWN] * 2


def test_the_last_delegate_is_started_again_however_often_it_fails(
    ranking: DelegateRanking,
) -> None:
    for _ in range(2):
        ranking.fail(started(ranking), wrong=True)
    last = started(ranking)
    assert last.choice == CPU
    for _ in range(5):
        ranking.fail(last)
        assert ranking.usable() is last
    assert not last.needs_proof


def test_the_delegate_whose_cool_down_ends_first_comes_back_first(
    ranking: DelegateRanking, clock: Clock
) -> None:
    top = started(ranking)
    ranking.fail(top, wrong=True)
    clock.now += COOL_DOWN / 2
    middle = started(ranking)
    ranking.fail(middle, stuck=True)
    last = started(ranking)
    assert ranking.better_than(last) == (middle, 0)
    ranking.start(middle)
    assert ranking.better_than(middle) == (top, COOL_DOWN / 2)


def test_a_forced_delegate_is_started_again_and_never_replaced(clock: Clock) -> None:
    ranking = DelegateRanking([TPU], cool_down=COOL_DOWN, clock=clock)
    ranked = started(ranking)
    ranking.fail(ranked)
    ranking.fail(ranked)
    assert ranking.usable() is ranked
    assert not ranked.needs_proof
    ranking.fail(ranked, wrong=True)
    assert ranking.usable() is ranked
    assert ranked.needs_proof, "it must prove itself"


def test_a_new_order_of_delegates_keeps_how_they_fared(ranking: DelegateRanking) -> None:
    ranked = started(ranking)
    ranking.fail(ranked, wrong=True)
    ranking.reorder([GPU, TPU, CPU])
    assert ranking.usable().choice == GPU
    ranking.reorder([TPU, CPU])
    assert ranking.usable().choice == CPU


def test_every_delegate_is_better_than_one_that_is_no_candidate_any_more(
    ranking: DelegateRanking,
) -> None:
    ranked = started(ranking)
    ranking.reorder([GPU, CPU])
    candidate = ranking.better_than(ranked)
    assert candidate is not None
    assert (candidate[0].choice, candidate[1]) == (GPU, 0)


def cooling(ranking: DelegateRanking) -> RankedDelegate:
    """The best one worked, failed twice and cools down."""
    ranked = started(ranking)
    ranked.worked = True
    for _ in range(2):
        ranking.fail(ranked)
    assert ranking.usable() is not ranked
    return ranked


def test_a_delegate_whose_losses_were_a_frames_fault_runs_again_at_once(
    ranking: DelegateRanking,
) -> None:
    ranked = cooling(ranking)
    ranking.blame_frame(ranked, fatal=True)
    assert ranking.usable() is ranked
    assert not ranked.needs_proof
    assert ranking.better_than(ranking.last) == (ranked, 0)
    ranking.fail(ranked)
    assert ranking.usable() is ranked, "its failures count anew"
    ranking.fail(ranked)
    assert ranking.better_than(started(ranking)) == (ranked, COOL_DOWN), "and so does its cool-down"


def test_frames_are_blamed_for_a_delegate_that_segments_others_a_few_times_only(
    ranking: DelegateRanking,
) -> None:
    for _ in range(MAX_BLAMED):
        ranked = cooling(ranking)
        ranking.blame_frame(ranked, fatal=False)
        assert ranking.usable() is ranked
    ranked = cooling(ranking)
    ranking.blame_frame(ranked, fatal=False)
    assert ranking.usable() is not ranked
    ranking.blame_frame(ranked, fatal=True)
    assert ranking.usable() is ranked


def test_a_delegate_that_segmented_nothing_since_a_frame_was_blamed_cools_down(
    ranking: DelegateRanking,
) -> None:
    ranked = cooling(ranking)
    ranking.blame_frame(ranked, fatal=False)
    for _ in range(2):
        ranking.fail(started(ranking))
    ranking.blame_frame(ranked, fatal=False)
    assert ranking.usable() is not ranked


@pytest.mark.parametrize("fatal", [True, False])
def test_wrong_masks_are_never_a_frames_fault(ranking: DelegateRanking, fatal: bool) -> None:
    ranked = started(ranking)
    ranked.worked = True
    ranking.fail(ranked, wrong=True)
    ranking.blame_frame(ranked, fatal=fatal)
    assert ranking.usable() is not ranked


def test_a_start_that_fails_long_after_a_long_run_is_a_failure_as_any_other(
    ranking: DelegateRanking, clock: Clock
) -> None:
    """The run before made good for what was before it, once."""
    ranked = started(ranking)
    clock.now += 10 * PROVEN_SECONDS
    ranking.fail(ranked)
    assert ranking.usable() is ranked
    ranking.fail(ranked)
    assert ranking.usable() is not ranked
    assert ranked.needs_proof


def test_service_is_degraded_while_a_better_delegate_failed_and_not_before(
    ranking: DelegateRanking,
) -> None:
    top = started(ranking)
    assert not ranking.is_degraded(top)
    ranking.fail(top, wrong=True)
    below = started(ranking)
    assert ranking.is_degraded(below)
    ranking.try_again(top)
    assert ranking.is_degraded(below), "it is only being started"
    ranking.start(top)
    assert not ranking.is_degraded(top)


def test_a_better_delegate_that_is_about_to_be_tried_for_the_first_time_degrades_nothing(
    ranking: DelegateRanking,
) -> None:
    assert not ranking.is_degraded(ranking.last)


def test_an_accelerator_that_is_chosen_with_other_threads_goes_on(ranking: DelegateRanking) -> None:
    """They are a detail of it; a second engine on its device could not even be started."""
    top = started(ranking)
    ranking.reorder([(TPU[0], 3), (CPU[0], 3)])
    assert ranking.better_than(top) is None
    assert ranking.last.choice == (CPU[0], 3)


def test_an_event_that_the_table_does_not_have_is_refused(ranking: DelegateRanking) -> None:
    top = ranking.usable()
    ranking.try_again(top)
    with pytest.raises(RuntimeError, match="TRIED must not happen to tpu: it is HALF_OPEN"):
        ranking.try_again(top)


def test_a_delegate_that_is_being_started_is_not_started_twice(ranking: DelegateRanking) -> None:
    top, below = ranking.usable(), ranking.last
    ranking.start(below)
    ranking.try_again(top)
    assert ranking.usable() is not top
    assert not ranking.is_degraded(below), "it has not failed"
