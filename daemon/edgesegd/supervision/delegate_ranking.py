"""Which delegate runs next: the best that can be trusted now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgesegd.delegates.spec import Choice, DelegateSpec

PROVEN_SECONDS = 60.0
"""A delegate that ran this long has made good for the failures before."""
QUICK_START_SECONDS = 0.4
"""A delegate that starts in less is started again after a loss without another to stand in."""
MAX_CLEARED = 3
"""One odd picture is the picture's fault, many are the delegate's."""
LONGEST_REST = 120
"""In first rests: an hour where the first is 30 s."""


@dataclass(slots=True, eq=False)
class Rung:
    """A delegate on the ladder, and how it fared.

    `away` is whether a lesser one stands in for it; from `rested` on it may come back, where it is
    `doubted` after it proved itself. `rest` is how long it rests when it fails next, `started` when
    it began to run, `start_seconds` how long it took to start last, 0 before. All in seconds.
    `wrong` is whether it gave wrong masks when it failed last, `worked` whether it segmented a
    frame since it was `cleared`: so many times its failures were found to be a frame's fault.
    """

    choice: Choice
    rest: float
    failures: int = 0
    started: float = 0.0
    rested: float = 0.0
    away: bool = False
    doubted: bool = False
    start_seconds: float = 0.0
    wrong: bool = False
    worked: bool = False
    cleared: int = 0

    def __str__(self) -> str:
        """Its name in the log; the CPU may be on the ladder with other numbers of threads."""
        if not self.delegate.is_cpu or not self.threads:
            return self.delegate.name
        return f"{self.delegate.name} with {self.threads} thread{'s' * (self.threads > 1)}"

    @property
    def delegate(self) -> DelegateSpec:
        """What runs the model."""
        return self.choice[0]

    @property
    def threads(self) -> int:
        """Of the interpreter; 0 for the engine's own choice."""
        return self.choice[1]


class Ladder:
    """The delegates of one engine, best first; the last is always at hand.

    One that fails is tried once more: at once where that is a matter of a moment, else beside a
    lesser one. Where it fails again before it ran PROVEN_SECONDS, or gave wrong masks, it rests:
    `rest_seconds` at first, twice as long each time; then it must prove itself. Nothing is below
    the last: it is tried again and again. Times are of `clock`, seconds.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        rest_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_rest = rest_seconds
        self._clock = clock
        self._rungs = [Rung(choice, rest_seconds) for choice in choices]

    @property
    def top(self) -> Rung:
        """The best."""
        return self._rungs[0]

    @property
    def last(self) -> Rung:
        """The one that is always at hand."""
        return self._rungs[-1]

    @property
    def slowest_start(self) -> float:
        """How long the slowest of them took to start last, seconds; 0 before any did."""
        return max(rung.start_seconds for rung in self._rungs)

    def reorder(self, choices: Sequence[Choice]) -> None:
        """Use these from now on; what is known of how they fared stays."""
        self._rungs = [self._known(choice) or Rung(choice, self._first_rest) for choice in choices]

    def usable(self) -> Rung:
        """The best that nothing stands in for; else the last."""
        return next((rung for rung in self._rungs[:-1] if not rung.away), self.last)

    def better_than(self, current: Rung) -> tuple[Rung, float] | None:
        """What to climb to next from `current`, and the seconds until then; None at the top.

        The one whose rest is over first; of several the best. All are better than one that is on
        the ladder no more.
        """
        place = self._rungs.index(current) if current in self._rungs else len(self._rungs)
        above = self._rungs[:place]
        if not above:
            return None
        rung = min(above, key=self._wait)
        return rung, self._wait(rung)

    def start(self, rung: Rung) -> None:
        """`rung` runs from now on."""
        rung.away = rung.doubted = rung.wrong = False
        rung.started = self._clock()

    def fail(self, rung: Rung, *, wrong: bool = False, stuck: bool = False) -> None:
        """`rung` failed while it ran or was started; gave wrong masks, or hung."""
        if not wrong and self._clock() - rung.started >= PROVEN_SECONDS:
            rung.failures, rung.cleared, rung.rest = 0, 0, self._first_rest
        rung.failures += 1
        rung.wrong = wrong
        if wrong or (rung.failures > 1 and rung is not self.last):
            self.rest(rung)
        elif stuck or rung.start_seconds > QUICK_START_SECONDS:
            rung.away, rung.rested = True, self._clock()

    def clear(self, rung: Rung, *, certain: bool) -> None:
        """`rung` failed by a frame's fault and not its own: it may run again at once.

        That is `certain` where not even the last one got through the frame. Else it is believed of
        a delegate that segmented another frame since it was cleared before, MAX_CLEARED times until
        it runs for PROVEN_SECONDS; never of one that gave wrong masks.
        """
        believed = certain or (rung.worked and rung.cleared < MAX_CLEARED)
        if rung.wrong or not believed:
            return
        if rung.doubted:
            rung.rest = max(self._first_rest, rung.rest / 2)
        rung.cleared += not certain
        rung.failures = 0
        rung.away = rung.doubted = rung.worked = False
        rung.rested = self._clock()

    def rest(self, rung: Rung) -> None:
        """Leave `rung` alone for a while that grows."""
        rung.away = rung.doubted = True
        rung.rested = self._clock() + rung.rest
        rung.rest = min(2 * rung.rest, LONGEST_REST * self._first_rest)

    def _known(self, choice: Choice) -> Rung | None:
        return next((rung for rung in self._rungs if rung.choice == choice), None)

    def _wait(self, rung: Rung) -> float:
        return max(0.0, rung.rested - self._clock())
