"""Which boards get how many cameras, and how many cameras a fleet carries so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

WELL_SERVED = 0.99
"""The share of the cameras for which there must be room on their boards."""


@dataclass(frozen=True)
class Placement:
    """A way to give cameras to boards; `carries(boards, room)` is how many cameras fit.

    So many that at least WELL_SERVED of them are on a board with no more cameras than `room`.
    """

    name: str
    carries: Callable[[int, int], int]


def in_turn(boards: int, room: int) -> int:
    """As one client opens its streams, and as HAProxy's leastconn: all boards have as many."""
    return boards * room


def at_random(boards: int, room: int) -> int:
    """Each camera's own client begins at a board at random, so boards have binomial numbers."""
    return most(partial(_share_at_random, boards, room), boards * room)


def better_of_two(boards: int, room: int, *, seed: int = 0) -> int:
    """Envoy's LEAST_REQUEST: the one of two random boards that has fewer (Mitzenmacher, 2001)."""
    return most(partial(_share_of_two, boards, room, seed), boards * room)


PLACEMENTS = (
    Placement("in turn", in_turn),
    Placement("the better of two", better_of_two),
    Placement("at random", at_random),
)


def most(share: Callable[[int], float], limit: int) -> int:
    """The largest number up to `limit` for which `share` is high enough; it falls with numbers."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if share(middle) >= WELL_SERVED else (low, middle - 1)
    return low


def _share_at_random(boards: int, room: int, cameras: int) -> float:
    """The share of cameras with at most `room - 1` others on their board: a binomial number."""
    if boards == 1:
        return float(cameras <= room)
    hit = 1 / boards
    return math.fsum(
        math.exp(
            math.lgamma(cameras)
            - math.lgamma(others + 1)
            - math.lgamma(cameras - others)
            + others * math.log(hit)
            + (cameras - 1 - others) * math.log1p(-hit)
        )
        for others in range(min(room, cameras))
    )


def _share_of_two(boards: int, room: int, seed: int, cameras: int) -> float:
    random, counts = Random(seed), Counter[int]()  # noqa: S311 # a simulation
    for _ in range(cameras):
        first, second = random.randrange(boards), random.randrange(boards)
        counts[min(first, second, key=counts.__getitem__)] += 1
    return _share_with_room(counts.values(), room)


def _share_with_room(counts: Iterable[int], room: int) -> float:
    """The share of cameras on boards with at most `room` cameras."""
    counts = list(counts)
    return sum(count for count in counts if count <= room) / sum(counts)
