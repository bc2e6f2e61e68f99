"""Whether the engines of a soak grew, though faults end them: engines of the same age are compared.

An engine's memory goes up and down by what its allocator keeps, so the lowest of a few readings is
what it holds. Its first reading does not count, for it may just have started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from soaking.readings import EngineReading, Reading

COMPARED = 3
"""Readings of which the lowest counts."""
MAX_GROWTH, MAX_GROWTH_MB, MAX_GROWTH_DESCRIPTORS = 0.1, 20.0, 8
"""An engine that has had no frame yet, one of several, holds 14 MB less than later."""


def compare_engines(readings: Sequence[Reading]) -> tuple[int, list[str]]:
    """How many comparisons there are, and what grew, as text.

    The end of an engine is compared with its own beginning, and the beginning of the last engine
    with that of the first. An engine without enough readings is left out.
    """
    lives = [each for each in _lives(readings) if len(each) >= COMPARED]
    pairs = [
        (f"engine {life[0].pid} grew", life[:COMPARED], life[-COMPARED:])
        for life in lives
        if len(life) >= 2 * COMPARED
    ]
    if len(lives) > 1:
        first, last = lives[0], lives[-1]
        text = f"engine {last[0].pid} began with more than {first[0].pid} did, it grew"
        pairs.append((text, first[:COMPARED], last[:COMPARED]))
    return len(pairs), [f"{text} {how}" for text, *two in pairs for how in _growth(*two)]


def _lives(readings: Sequence[Reading]) -> list[list[EngineReading]]:
    """The readings of each engine but its first, in the order in which they began."""
    found: dict[int, list[EngineReading]] = {}
    for reading in readings:
        for engine in reading.engines:
            found.setdefault(engine.pid, []).append(engine)
    return [life[1:] for life in found.values()]


def _growth(before: Sequence[EngineReading], after: Sequence[EngineReading]) -> Iterator[str]:
    lowest, now = (min(each.mb for each in life) for life in (before, after))
    if now > lowest + max(MAX_GROWTH_MB, MAX_GROWTH * lowest):
        yield f"from {lowest:.1f} to {now:.1f} MB"
    fewest, open_now = (min(each.descriptors for each in life) for life in (before, after))
    if open_now > fewest + MAX_GROWTH_DESCRIPTORS:
        yield f"from {fewest:.0f} to {open_now:.0f} descriptors"
