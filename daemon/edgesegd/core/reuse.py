"""Reusing the result of an earlier frame of a stream: the rule, and what identifies the frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_DISTANCE = 30
"""Frames of a stream of which at least one is computed: a delegate's output must still be checked
now and then."""
DEFAULT_THRESHOLD, MAX_THRESHOLD = 4.0, 64.0
"""Pixel values, 0 to 255. On photographs of 1280 x 720 and DeepLab's input of 257 x 257, noise of
sigma 8 in both frames makes 2.1 in the worst block, an object of 20 pixels 8.3 or more
(`benchmarks/reuse.py --statistic`)."""
DEFAULT_MAX_AGE, MAX_AGE_LIMIT = 1.0, 60.0
"""Seconds."""


class ReuseMode(StrEnum):
    """When a result may be reused; also the reason why one was."""

    IDENTICAL = "identical"
    """The bytes are those of the frame that was computed."""
    UNCHANGED = "unchanged"
    """No block of the model's input differs by more than a threshold, or the same bytes."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ReuseStream:
    """A stream whose results may be reused; `number` is unique in the daemon.

    `threshold` (in pixel values) and `max_age` (seconds since the result was computed) are for
    UNCHANGED. Engines keep frames of the stream until nothing refers to this object any more.
    """

    number: int
    mode: ReuseMode
    threshold: float = DEFAULT_THRESHOLD
    max_age: float = DEFAULT_MAX_AGE


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """A frame of such a stream: its id by its client, and its place among the stream's frames."""

    stream: ReuseStream
    frame_id: int
    place: int


@dataclass(frozen=True, slots=True)
class Reused:
    """A result was computed for the frame `frame_id`, and reused for this `reason`."""

    frame_id: int
    reason: ReuseMode
