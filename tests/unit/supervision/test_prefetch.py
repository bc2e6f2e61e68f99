"""When a busy engine gets its next frame."""

from __future__ import annotations

import math

import pytest

from edgesegd.core.result import FrameResult, Stage
from edgesegd.supervision.prefetch import HAND_OVER_SECONDS, PrefetchTimer

DECODE, INVOKE = 3.0, 20.0


def result(decode: float = DECODE, invoke: float = INVOKE) -> FrameResult:
    seconds = {Stage.DECODE: decode - 1.0, Stage.PREPROCESS: 1.0, Stage.INVOKE: invoke}
    return FrameResult(1, 1, (1, 1), seconds=seconds)


def known() -> PrefetchTimer:
    """Of an engine that did one frame and is free since 100."""
    timer = PrefetchTimer(predict=True)
    timer.given(70.0)
    timer.learn(result())
    timer.answered(100.0, more=False)
    return timer


def test_before_the_first_answer_no_frame_is_prefetched() -> None:
    timer = PrefetchTimer(predict=True)
    assert timer.next_at == math.inf
    timer.given(1.0)
    assert timer.next_at == math.inf


def test_the_next_frame_is_prefetched_to_be_decoded_when_the_invoke_ends() -> None:
    timer = known()
    timer.given(110.0)
    assert timer.next_at == 110.0 + DECODE + INVOKE - DECODE


def test_a_prefetched_frame_waits_for_the_invoke_before_it() -> None:
    timer = known()
    timer.given(110.0)
    timer.given(timer.next_at)
    assert timer.next_at == 110.0 + DECODE + 2 * INVOKE - DECODE


def test_the_time_to_prefetch_follows_an_answer_that_came_later_than_foreseen() -> None:
    timer = known()
    timer.given(110.0)
    timer.given(timer.next_at)
    timer.learn(result())
    timer.answered(150.0, more=True)
    assert timer.next_at == pytest.approx(150.0 + INVOKE - DECODE)


def test_the_time_to_prefetch_follows_frames_that_become_slower() -> None:
    timer = known()
    for _ in range(60):
        timer.learn(result(invoke=40.0))
    timer.given(300.0)
    assert timer.next_at == pytest.approx(340.0, abs=0.1)


def test_frames_that_fail_do_not_move_the_time_to_prefetch() -> None:
    timer = known()
    for number in range(100):
        timer.given(110.0 + number)
        timer.answered(110.5 + number, more=False)
    timer.given(300.0)
    assert timer.next_at == 300.0 + INVOKE


def test_for_the_cpu_no_frame_is_prefetched() -> None:
    timer = PrefetchTimer(predict=False)
    timer.given(0.0)
    timer.learn(result())
    timer.answered(23.0, more=False)
    timer.given(30.0)
    assert timer.next_at == math.inf


def test_an_engine_that_does_one_frame_after_another_is_given_the_next_right_before_its_end() -> (
    None
):
    timer = PrefetchTimer(predict=True, in_turn=True)
    timer.given(70.0)
    timer.learn(result())
    timer.answered(100.0, more=False)
    timer.given(110.0)
    assert timer.next_at == pytest.approx(110.0 + DECODE + INVOKE - HAND_OVER_SECONDS)
