"""The order of answers, without a stream."""

from __future__ import annotations

from itertools import permutations

import pytest

from edgesegd.api.answer_order import AnswerOrder


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_answers_go_out_in_the_order_of_their_frames_however_they_come(
    order: tuple[int, ...],
) -> None:
    sent: list[int] = []
    answers = AnswerOrder(sent.append, as_sent=True)
    places = [answers.expect() for _ in order]
    for count, number in enumerate(order, 1):
        places[number](number)
        first_missing = min(set(range(5)) - set(order[:count]))
        assert sent == list(range(first_missing))
    assert sent == [0, 1, 2, 3]


def test_answers_go_out_as_they_come_where_their_order_does_not_matter() -> None:
    sent: list[int] = []
    answers = AnswerOrder(sent.append, as_sent=False)
    places = [answers.expect() for _ in range(3)]
    for number in (2, 0, 1):
        places[number](number)
    assert sent == [2, 0, 1]
