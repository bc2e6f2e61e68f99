"""When a busy engine should be given its next frame."""

from __future__ import annotations

import math

from edgesegd.core.result import FrameResult, Stage

HAND_OVER_SECONDS = 0.002
"""From the front's decision until an engine has read the frame, with a margin."""
NEWEST = 0.1
"""Weight of the newest frame in the moving averages of the times."""


class PrefetchTimer:
    """Predicts when an engine's invoke ends, from how long decoding and invokes usually take.

    The engine should get its next frame as long before that as decoding takes, so that the frame is
    decoded just in time. Later, the engine would wait for it; earlier, a newer frame might yet
    arrive. Times are those of one clock, in seconds.

    On the CPU, decoding slows the invoke down because it needs the same cores; without `predict` no
    frame is prefetched. An engine that finishes each frame before it decodes the next (`in_turn`)
    gets the next one a moment before it has finished.
    """

    def __init__(self, *, predict: bool, in_turn: bool = False) -> None:
        self._predict = predict
        self._in_turn = in_turn
        self._decode = 0.0
        self._invoke = 0.0
        self._free = 0.0

    @property
    def next_at(self) -> float:
        """When to give the busy engine its next frame; infinite: only when it is idle."""
        known = self._predict and self._invoke > 0
        return self._free - self._decode if known else math.inf

    def given(self, now: float) -> None:
        """The engine got a frame, which it decodes now and invokes after the previous one."""
        self._free = max(now + self._decode, self._free) + self._invoke

    def answered(self, now: float, *, more: bool) -> None:
        """The engine answered; with `more` it has another frame, which it invokes now."""
        self._free = now + self._invoke if more else now

    def learn(self, result: FrameResult) -> None:
        """Update the averages with the times of a frame's stages."""
        seconds = result.seconds
        decode = seconds.get(Stage.DECODE, 0.0) + seconds.get(Stage.PREPROCESS, 0.0)
        invoke = seconds.get(Stage.INVOKE, 0.0)
        if self._in_turn:
            decode, invoke = HAND_OVER_SECONDS, sum(seconds.values()) - HAND_OVER_SECONDS
        weight = NEWEST if self._invoke else 1.0
        self._decode += weight * (decode - self._decode)
        self._invoke += weight * (invoke - self._invoke)
