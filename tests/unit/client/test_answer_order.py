"""The order of a stream's answers, without a stream."""

from itertools import permutations

import pytest

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.answer_order import AnswerOrder
from edgeseg_client.status import Status


def answer(number: int) -> FrameAnswer:
    return FrameAnswer(number, Status.INVALID, "", 0.0)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_answers_are_given_in_the_order_of_their_frames_however_they_come(
    order: tuple[int, ...],
) -> None:
    given: list[FrameAnswer] = []
    answers = AnswerOrder(given.append, in_order=True)
    for number in order:
        answers.answered(number, answer(number))
    assert [each.frame_id for each in given] == [0, 1, 2, 3]


def test_answers_are_given_as_they_come_where_their_order_does_not_matter() -> None:
    given: list[FrameAnswer] = []
    answers = AnswerOrder(given.append, in_order=False)
    for number in (2, 0, 1):
        answers.answered(number, answer(number))
    assert [each.frame_id for each in given] == [2, 0, 1]


def test_a_stream_that_ends_early_loses_no_answer_that_was_held_back() -> None:
    given: list[FrameAnswer] = []
    answers = AnswerOrder(given.append, in_order=True)
    for number in (3, 0, 2):
        answers.answered(number, answer(number))
    assert [each.frame_id for each in given] == [0]
    answers.end()
    assert [each.frame_id for each in given] == [0, 2, 3]
