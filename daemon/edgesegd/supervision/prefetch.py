"""When an engine that is busy wants its next frame."""

from __future__ import annotations

import math

from edgesegd.core.result import FrameResult, Stage

HAND_OVER_SECONDS = 0.002
"""From the front's decision until an engine has read the frame, with some to spare."""
NEWEST = 0.1
"""What the newest frame counts in the usual times, moving averages."""


class PrefetchTimer:
    """Foresees when an engine's invoke ends, from how long decoding and invokes usually take.

    A frame that an engine gets as much before that as decoding takes is decoded just in time. Later
    the engine would wait for it, earlier a newer frame might yet have come. Times are those of one
    clock, in seconds.

    On the CPU an invoke has no core to spare for decoding, and takes longer by as much: then it
    does not `foresee`. An engine that does all of one frame before the next (`in_turn`) is given it
    a moment before it is done with the one before.
    """

    def __init__(self, *, foresee: bool, in_turn: bool = False) -> None:
        self._foresee = foresee
        self._in_turn = in_turn
        self._decode = 0.0
        self._invoke = 0.0
        self._free = 0.0

    @property
    def next_at(self) -> float:
        """When to give the engine its next frame, though it is busy; infinite for not before."""
        known = self._foresee and self._invoke > 0
        return self._free - self._decode if known else math.inf

    def given(self, now: float) -> None:
        """The engine got a frame: it is invoked when it is decoded and the one before is done."""
        self._free = max(now + self._decode, self._free) + self._invoke

    def answered(self, now: float, *, more: bool) -> None:
        """The engine answered somehow; with `more` another frame is in it, which it invokes now."""
        self._free = now + self._invoke if more else now

    def learn(self, result: FrameResult) -> None:
        """How long a frame's stages took."""
        seconds = result.seconds
        decode = seconds.get(Stage.DECODE, 0.0) + seconds.get(Stage.PREPROCESS, 0.0)
        invoke = seconds.get(Stage.INVOKE, 0.0)
        if self._in_turn:
            decode, invoke = HAND_OVER_SECONDS, sum(seconds.values()) - HAND_OVER_SECONDS
        weight = NEWEST if self._invoke else 1.0
        self._decode += weight * (decode - self._decode)
        self._invoke += weight * (invoke - self._invoke)
