"""How a soak finds that engines grow, though faults end them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from soaking.engine_growth import compare_engines
from soaking.readings import EngineReading, Reading


def readings(*lives: Sequence[float], descriptors: float = 8) -> list[Reading]:
    """A reading for each memory in MB of engines that come one after another."""
    found = [
        EngineReading(pid, mb, descriptors + growth * (descriptors > 8))
        for pid, life in enumerate(lives)
        for growth, mb in enumerate(life)
    ]
    return [
        Reading(float(minute), 90.0, 50.0, 0.0, (engine,)) for minute, engine in enumerate(found)
    ]


def test_engines_that_go_up_and_down_did_not_grow() -> None:
    life = [10, 85, 110, 86, 104, 85, 112, 86]
    assert compare_engines(readings(life, life, life)) == (4, [])


def test_an_engine_that_grows_in_its_life_is_found() -> None:
    grows = [10.0, *(85.0 + 5 * minute for minute in range(8))]
    found = compare_engines(readings([10, 85, 85, 85], grows))
    assert found == (2, ["engine 1 grew from 85.0 to 110.0 MB"])


def test_engines_that_begin_with_more_and_more_are_found() -> None:
    lives = [[10, 85 + more, 130, 85 + more] for more in (0, 10, 20, 30)]
    text = "engine 3 began with more than 0 did, it grew from 85.0 to 115.0 MB"
    assert compare_engines(readings(*lives)) == (1, [text])


def test_descriptors_that_stay_open_are_found() -> None:
    found = compare_engines(readings([85] * 20, descriptors=9))
    assert found == (1, ["engine 0 grew from 10 to 26 descriptors"])


@pytest.mark.parametrize("lives", [[], [[85]], [[85, 85, 85], [85, 200, 200], [300]]])
def test_engines_that_ended_soon_are_not_compared(lives: list[list[float]]) -> None:
    assert compare_engines(readings(*lives)) == (0, [])


def test_several_engines_at_a_time_are_told_apart() -> None:
    each = [
        Reading(m, 90, 50, 0, (EngineReading(1, 85, 8), EngineReading(2, 85 + 5 * m, 8)))
        for m in range(10)
    ]
    count, grown = compare_engines(each)
    assert count == 3
    assert grown == ["engine 2 grew from 90.0 to 120.0 MB"]
