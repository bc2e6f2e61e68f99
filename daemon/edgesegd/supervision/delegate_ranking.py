"""Which delegate runs next: the best that can be trusted now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.supervision.delegate_health import TRANSITIONS, DelegateEvent, DelegateHealth

PROVEN_SECONDS = 60.0
"""A delegate that ran this long has made good for the failures before."""
QUICK_START_SECONDS = 0.4
"""A delegate that starts in less is started again after a loss without another to stand in."""
MAX_CLEARED = 3
"""One odd picture is the picture's fault, many are the delegate's."""
MAX_COOL_DOWN = 120
"""In first cool-downs: an hour where the first takes 30 s."""


@dataclass(slots=True, eq=False)
class RankedDelegate:
    """A delegate, its rank among others apart, and how it fared.

    While its `health` is OPEN it may be tried from `cooled` on; where it `needs_proof` it must
    prove itself first. `cool_down` is how long that takes when it fails next, `serving_since` when
    an engine with it began to serve, None while none does; `has_served` is whether any ever did.
    `start_seconds` is how long it took to start last, 0 before. All in seconds. `wrong` is whether
    it gave wrong masks when it failed last, `worked` whether it segmented a frame since it was
    `cleared`: so many times its failures were found to be a frame's fault.
    """

    choice: Choice
    cool_down: float
    health: DelegateHealth = DelegateHealth.CLOSED
    failures: int = 0
    serving_since: float | None = None
    has_served: bool = False
    cooled: float = 0.0
    needs_proof: bool = False
    start_seconds: float = 0.0
    wrong: bool = False
    worked: bool = False
    cleared: int = 0

    def __str__(self) -> str:
        """Its name in the log; the CPU may be ranked with several numbers of threads."""
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

    def happens(self, event: DelegateEvent) -> None:
        """Change its health as the table says."""
        self.health = TRANSITIONS[self.health, event]


class DelegateRanking:
    """The delegates of one engine, best first; the last is always at hand.

    One that fails is tried once more: at once where that is a matter of a moment, else while a
    lesser one serves. Where it fails again before it ran PROVEN_SECONDS, or gave wrong masks, it
    cools down: `cool_down` seconds at first, twice as long each time; then it must prove itself.
    Accelerators that are `unproven`, for nobody tried this model on them, must do so at once.
    Nothing is below the last: it is tried again and again. Times are of `clock`, seconds.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        cool_down: float,
        unproven: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_cool_down = cool_down
        self._clock = clock
        self._delegates = [
            RankedDelegate(choice, cool_down, needs_proof=unproven and not choice[0].is_cpu)
            for choice in choices
        ]

    @property
    def last(self) -> RankedDelegate:
        """The one that is always at hand."""
        return self._delegates[-1]

    @property
    def slowest_start(self) -> float:
        """How long the slowest of them took to start last, seconds; 0 before any did."""
        return max(ranked.start_seconds for ranked in self._delegates)

    def reorder(self, choices: Sequence[Choice]) -> None:
        """Use these from now on; what is known of how they fared stays."""
        self._delegates = [
            self._known(choice) or RankedDelegate(choice, self._first_cool_down)
            for choice in choices
        ]

    def usable(self) -> RankedDelegate:
        """The best that may run now; else the last."""
        closed = DelegateHealth.CLOSED
        return next((each for each in self._delegates[:-1] if each.health is closed), self.last)

    def better_than(self, current: RankedDelegate) -> tuple[RankedDelegate, float] | None:
        """What to try next in the place of `current`, and the seconds until then; None for none.

        The one that has cooled down first; of several the best. All are better than one that is not
        ranked any more.
        """
        above = self._above(current)
        if not above:
            return None
        ranked = min(above, key=self._wait)
        return ranked, self._wait(ranked)

    def is_degraded(self, current: RankedDelegate) -> bool:
        """Whether a better one than `current` ought to serve, and failed or served before."""
        return any(
            each.failures or each.needs_proof or each.has_served for each in self._above(current)
        )

    def try_again(self, ranked: RankedDelegate) -> None:
        """An engine with it is being started in the place of a lesser one."""
        ranked.happens(DelegateEvent.TRIED)

    def start(self, ranked: RankedDelegate) -> None:
        """It serves from now on."""
        ranked.happens(DelegateEvent.SERVES)
        ranked.needs_proof = ranked.wrong = False
        ranked.serving_since, ranked.has_served = self._clock(), True

    def fail(self, ranked: RankedDelegate, *, wrong: bool = False, stuck: bool = False) -> None:
        """It failed while it served or was started; gave wrong masks, or hung."""
        now, since = self._clock(), ranked.serving_since
        if not wrong and since is not None and now - since >= PROVEN_SECONDS:
            ranked.failures, ranked.cleared, ranked.cool_down = 0, 0, self._first_cool_down
        ranked.serving_since = None
        ranked.failures += 1
        ranked.wrong = wrong
        if wrong or (ranked.failures > 1 and ranked is not self.last):
            self.cool_down(ranked)
        elif stuck or ranked.start_seconds > QUICK_START_SECONDS:
            ranked.happens(DelegateEvent.FAILED)
            ranked.cooled = now
        else:
            ranked.happens(DelegateEvent.FORGIVEN)

    def stop(self, ranked: RankedDelegate) -> None:
        """No engine with it serves any more, for a better one does."""
        ranked.serving_since = None

    def clear(self, ranked: RankedDelegate, *, certain: bool) -> None:
        """It failed by a frame's fault and not its own: it may run again at once.

        That is `certain` where not even the last one got through the frame. Else it is believed of
        a delegate that segmented another frame since it was cleared before, MAX_CLEARED times until
        it runs for PROVEN_SECONDS; never of one that gave wrong masks.
        """
        believed = certain or (ranked.worked and ranked.cleared < MAX_CLEARED)
        if ranked.wrong or not believed:
            return
        if ranked.needs_proof:
            ranked.cool_down = max(self._first_cool_down, ranked.cool_down / 2)
        ranked.cleared += not certain
        ranked.failures = 0
        ranked.happens(DelegateEvent.CLEARED)
        ranked.needs_proof = ranked.worked = False
        ranked.cooled = self._clock()

    def cool_down(self, ranked: RankedDelegate) -> None:
        """Leave it alone for a while that grows."""
        ranked.happens(DelegateEvent.FAILED)
        ranked.needs_proof = True
        ranked.cooled = self._clock() + ranked.cool_down
        ranked.cool_down = min(2 * ranked.cool_down, MAX_COOL_DOWN * self._first_cool_down)

    def _above(self, current: RankedDelegate) -> list[RankedDelegate]:
        ranked = current in self._delegates
        return self._delegates[: self._delegates.index(current)] if ranked else self._delegates

    def _known(self, choice: Choice) -> RankedDelegate | None:
        """What is known of it; an accelerator's threads are a detail that costs it no restart."""
        delegate, _ = choice
        for ranked in self._delegates:
            if ranked.choice == choice or (ranked.delegate == delegate and not delegate.is_cpu):
                return ranked
        return None

    def _wait(self, ranked: RankedDelegate) -> float:
        return max(0.0, ranked.cooled - self._clock())
