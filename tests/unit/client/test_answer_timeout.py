"""A stream without answers is given up when it must have been lost, and not when it is slow."""

from __future__ import annotations

import itertools

import pytest

from edgeseg_client.answer_timeout import CHECK_SECONDS, MAX_SECONDS, WRITE_SECONDS, AnswerTimeout


class Stream:
    """One whose timeout is asked as often as it is to be."""

    def __init__(self) -> None:
        self.timeout = AnswerTimeout()
        self.now = 100.0

    def wait(self, seconds: float, *, sent: bool = True, writing: bool = False) -> float | None:
        """Let time pass; the first expiry."""
        for step in itertools.count():
            self.now += CHECK_SECONDS if step else 0.0
            expired = self.timeout.expired(self.now, sent=sent, writing=writing)
            if expired is not None or (step + 1) * CHECK_SECONDS > seconds:
                return expired
        raise AssertionError

    def waited_in_vain(self) -> float:
        expired = self.wait(1000)
        assert expired is not None
        self.timeout.on_given_up()
        return expired

    def answer(self) -> None:
        self.timeout.on_answer(self.now)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def test_it_is_over_once_frames_have_waited_long_enough_without_any_answer(stream: Stream) -> None:
    assert stream.wait(14.0) is None
    stream.answer()
    assert stream.wait(14.0) is None
    assert stream.wait(1000.0) is not None


def test_time_without_frames_does_not_count(stream: Stream) -> None:
    assert stream.wait(10.0) is None
    assert stream.wait(10.0, sent=False) is None
    assert stream.wait(14.0) is None
    assert stream.wait(5.0) == 15.0


def test_answers_that_take_long_are_waited_for(stream: Stream) -> None:
    for _ in range(3):
        assert stream.wait(12.5) is None
        stream.answer()
    assert stream.waited_in_vain() == 37.5


def test_a_single_long_wait_is_soon_forgotten(stream: Stream) -> None:
    assert stream.wait(14.9) is None
    stream.answer()
    assert stream.timeout.seconds > 30
    for _ in range(20):
        stream.answer()
    assert stream.timeout.seconds == 15.0


def test_a_daemon_slower_than_that_gets_more_time_with_each_connection(stream: Stream) -> None:
    taken = [stream.waited_in_vain() for _ in range(5)]
    assert taken == [15.0, 30.0, 60.0, MAX_SECONDS, MAX_SECONDS]
    for _ in range(2000):
        stream.timeout.on_given_up()
    assert stream.timeout.seconds == MAX_SECONDS


def test_outages_with_answers_between_them_are_noticed_as_fast_as_the_first(stream: Stream) -> None:
    taken = []
    for _ in range(10):
        taken.append(stream.waited_in_vain())
        stream.answer()
    assert taken == [15.0] * 10


def test_a_frame_that_is_being_written_has_more_time_but_not_for_ever(stream: Stream) -> None:
    assert stream.wait(WRITE_SECONDS - CHECK_SECONDS, sent=False, writing=True) is None
    assert stream.wait(5.0, sent=False, writing=True) == WRITE_SECONDS


def test_time_of_writing_does_not_count_as_a_wait_for_the_answer(stream: Stream) -> None:
    assert stream.wait(100.0, sent=False, writing=True) is None
    assert stream.wait(14.0) is None
    assert stream.wait(5.0) == 15.0


def test_a_client_that_was_stopped_itself_gives_nothing_up(stream: Stream) -> None:
    assert stream.wait(5.0) is None
    stream.now += 3600.0
    assert stream.wait(14.0) is None
    assert stream.wait(5.0) == 15.0
