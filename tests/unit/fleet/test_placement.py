from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from fleet.placement import WELL_SERVED, at_random, better_of_two, in_turn

BOARDS, ROOM = 100, 10


def share_with_room(counts: Counter[int]) -> float:
    return sum(each for each in counts.values() if each <= ROOM) / counts.total()


def test_a_single_board_carries_what_it_has_room_for_in_any_way() -> None:
    assert [carries(1, ROOM) for carries in (in_turn, better_of_two, at_random)] == [ROOM] * 3


def test_the_more_is_left_to_chance_the_fewer_cameras_fit() -> None:
    assert 0 < at_random(BOARDS, ROOM) < better_of_two(BOARDS, ROOM) < in_turn(BOARDS, ROOM)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (60, False)])
def test_as_many_cameras_fit_at_random_as_dice_say(more: int, *, fits: bool) -> None:
    random, cameras = Random(2), at_random(BOARDS, ROOM) + more
    shares = [
        share_with_room(Counter(random.randrange(BOARDS) for _ in range(cameras)))
        for _ in range(300)
    ]
    assert (sum(shares) / len(shares) >= WELL_SERVED - 0.001) is fits
