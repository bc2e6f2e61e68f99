"""A stream without answers is given up when it must have been lost, and not when it is slow."""

from __future__ import annotations

from edgeseg_client.answer_patience import AnswerPatience


def test_it_is_over_once_frames_have_waited_long_enough_without_any_answer() -> None:
    patience = AnswerPatience()
    assert not patience.is_over(0.0, waiting=True)
    assert not patience.is_over(14.9, waiting=True)
    patience.on_answer(14.9)
    assert not patience.is_over(16.0, waiting=True)
    assert patience.is_over(16.0 + patience.seconds, waiting=True)


def test_time_without_frames_does_not_count() -> None:
    patience = AnswerPatience()
    assert not patience.is_over(0.0, waiting=True)
    assert not patience.is_over(10.0, waiting=False)
    assert not patience.is_over(20.0, waiting=True)
    assert not patience.is_over(34.0, waiting=True)
    assert patience.is_over(35.0, waiting=True)


def test_answers_that_take_long_are_waited_for() -> None:
    patience = AnswerPatience()
    assert not patience.is_over(0.0, waiting=True)
    patience.on_answer(12.0)
    assert patience.seconds == 36.0
    patience.on_answer(13.0)
    assert patience.seconds == 36.0


def test_a_daemon_slower_than_that_gets_more_time_with_each_connection() -> None:
    patience, taken = AnswerPatience(), []
    for _ in range(3):
        assert not patience.is_over(0.0, waiting=True)
        assert patience.is_over(patience.seconds, waiting=True)
        taken.append(patience.seconds)
        patience.on_given_up()
    assert taken == [15.0, 30.0, 60.0]
