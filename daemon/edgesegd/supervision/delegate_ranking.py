"""Which delegate runs next: the best that can be trusted now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.supervision.delegate_health import TRANSITIONS, DelegateEvent, DelegateHealth

PROVEN_SECONDS = 60.0
"""After a delegate has run this long, its earlier failures no longer count."""
QUICK_START_SECONDS = 0.4
"""A delegate that starts in less time is restarted after a loss while the frames wait."""
MAX_BLAMED = 3
"""How often failures may be blamed on frames; after that they are the delegate's own."""
MAX_COOL_DOWN = 120
"""The longest cool-down, as a multiple of the first: an hour if the first is 30 s."""


@dataclass(slots=True, eq=False)
class RankedDelegate:
    """A delegate and its history; the rank itself is its position in DelegateRanking.

    While `health` is OPEN the delegate may be tried again from the time `open_until` on; if
    `needs_proof` is set, it must first prove itself in a trial. `cool_down` is how long its next
    cool-down takes. `serving_since` is when an engine with it began to serve, None while none does;
    `has_served` is whether one ever did. `start_seconds` is how long its last start took, 0 before
    the first. All times are in seconds. `in_use` is whether an engine with it is being started, is
    ready or serves; there is one such engine at most. `wrong` is whether its last failure was wrong
    masks.
    `frames_blamed` is how often its failures were blamed on a frame, `worked` whether it has
    segmented a frame since the last time.
    """

    choice: Choice
    cool_down: float
    health: DelegateHealth = DelegateHealth.CLOSED
    failures: int = 0
    serving_since: float | None = None
    has_served: bool = False
    in_use: bool = False
    open_until: float = 0.0
    needs_proof: bool = False
    start_seconds: float = 0.0
    wrong: bool = False
    worked: bool = False
    frames_blamed: int = 0

    def __str__(self) -> str:
        """Its name in the log, with the threads for the CPU, which may be ranked several times."""
        if not self.delegate.is_cpu or not self.threads:
            return self.delegate.name
        return f"{self.delegate.name} with {self.threads} thread{'s' * (self.threads > 1)}"

    @property
    def delegate(self) -> DelegateSpec:
        """The delegate of the choice."""
        return self.choice[0]

    @property
    def threads(self) -> int:
        """Threads of the interpreter; 0 lets the engine choose."""
        return self.choice[1]

    def apply(self, event: DelegateEvent) -> None:
        """Change `health` as TRANSITIONS says; RuntimeError if it does not have the event."""
        following = TRANSITIONS.get((self.health, event))
        if following is None:
            raise RuntimeError(f"{event.name} must not happen to {self}: it is {self.health.name}")
        self.health = following


BlameFrame = Callable[[Iterable[RankedDelegate | None], bool], None]
"""Is called with the delegates of the engines that were lost with a frame, None for a replica's,
once the frame is found to be the cause; and whether it was fatal, so that no engine segmented it.
"""


class DelegateRanking:
    """The delegates of one engine, best first; the last one can always be tried.

    A delegate that fails is started once more: at once if it starts quickly, else while a lesser
    one serves. If it fails again before it has run PROVEN_SECONDS, or gave wrong masks, it cools
    down: `cool_down` seconds at first, twice as long each time. After that it must prove itself.
    With `unproven`, accelerators must prove themselves before they are first used, because this
    model was never tried on them. The last delegate has no substitute, so it is started again
    whenever it fails. Times are those of `clock`, in seconds.
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
        self._dropped: list[RankedDelegate] = []

    @property
    def last(self) -> RankedDelegate:
        """The delegate that can always be tried."""
        return self._delegates[-1]

    @property
    def slowest_start(self) -> float:
        """The longest of the delegates' last starts, in seconds; 0 before any has started."""
        return max(ranked.start_seconds for ranked in self._delegates)

    def reorder(self, choices: Sequence[Choice]) -> None:
        """Use these choices from now on; the history of those that stay is kept.

        It is also kept of one that is dropped while it is in use and comes back in the next order.
        """
        known = (*self._delegates, *self._dropped)
        self._delegates = [
            _find(choice, known) or RankedDelegate(choice, self._first_cool_down)
            for choice in choices
        ]
        self._dropped = [each for each in known if each.in_use and each not in self._delegates]

    def has(self, ranked: RankedDelegate) -> bool:
        """Whether a delegate is one of these, or was while it is in use."""
        return ranked in self._delegates or ranked in self._dropped

    def usable(self) -> RankedDelegate:
        """The best delegate that may run now; if there is none, the last."""
        closed = DelegateHealth.CLOSED
        return next((each for each in self._delegates[:-1] if each.health is closed), self.last)

    def better_than(self, current: RankedDelegate) -> tuple[RankedDelegate, float] | None:
        """Which better delegate to try next, and in how many seconds; None if there is none.

        It is the one that has cooled down first; of several, the best. If `current` is no longer
        ranked, all delegates are better.
        """
        above = self._above(current)
        if not above:
            return None
        ranked = min(above, key=self._wait)
        return ranked, self._wait(ranked)

    def is_degraded(self, current: RankedDelegate | None) -> bool:
        """Whether a better delegate than `current` failed, must prove itself, or served before.

        While no engine serves (`current` is None) the delegate that is started next counts as
        `current`. If the last delegate is an accelerator, as that of an extra engine, no lesser one
        of this ranking can replace it, so it counts itself until it serves.
        """
        missed = self._above(current or self.usable())
        if current is None and not self.last.delegate.is_cpu:
            missed = self._delegates
        return any(each.failures or each.needs_proof or each.has_served for each in missed)

    def try_again(self, ranked: RankedDelegate) -> None:
        """An engine with this delegate is being started to replace a lesser one."""
        ranked.apply(DelegateEvent.TRIED)

    def start(self, ranked: RankedDelegate) -> None:
        """An engine with this delegate serves from now on."""
        ranked.apply(DelegateEvent.SERVES)
        ranked.needs_proof = ranked.wrong = False
        ranked.serving_since, ranked.has_served = self._clock(), True

    def fail(self, ranked: RankedDelegate, *, wrong: bool = False, stuck: bool = False) -> None:
        """It failed while it served or was started; `wrong`: wrong masks, `stuck`: it hung."""
        now, since = self._clock(), ranked.serving_since
        if not wrong and since is not None and now - since >= PROVEN_SECONDS:
            ranked.failures, ranked.frames_blamed, ranked.cool_down = 0, 0, self._first_cool_down
        ranked.serving_since, ranked.in_use = None, False
        ranked.failures += 1
        ranked.wrong = wrong
        if wrong or (ranked.failures > 1 and ranked is not self.last):
            self.cool_down(ranked)
        elif stuck or ranked.start_seconds > QUICK_START_SECONDS:
            ranked.apply(DelegateEvent.FAILED)
            ranked.open_until = now
        else:
            ranked.apply(DelegateEvent.RESTARTED)

    def stop(self, ranked: RankedDelegate) -> None:
        """No engine with this delegate serves any more, because a better one replaced it."""
        ranked.serving_since, ranked.in_use = None, False

    def blame_frame(self, ranked: RankedDelegate, *, fatal: bool) -> None:
        """A frame caused its failure, so it may run again at once.

        This is known if the frame was `fatal`, which means that all engines failed with it.
        Otherwise it is assumed only if the delegate has segmented a frame since it was last
        assumed, and at most MAX_BLAMED times until it has run for PROVEN_SECONDS. Wrong masks are
        never blamed on a frame.
        """
        assumed = ranked.worked and ranked.frames_blamed < MAX_BLAMED
        if ranked.wrong or not (fatal or assumed):
            return
        if ranked.needs_proof:
            ranked.cool_down = max(self._first_cool_down, ranked.cool_down / 2)
        ranked.frames_blamed += not fatal
        ranked.failures = 0
        ranked.apply(DelegateEvent.FRAME_BLAMED)
        ranked.needs_proof = ranked.worked = False
        ranked.open_until = self._clock()

    def cool_down(self, ranked: RankedDelegate) -> None:
        """Do not try it again until its cool-down is over; the next one is twice as long."""
        ranked.apply(DelegateEvent.FAILED)
        ranked.needs_proof = True
        ranked.open_until = self._clock() + ranked.cool_down
        ranked.cool_down = min(2 * ranked.cool_down, MAX_COOL_DOWN * self._first_cool_down)

    def _above(self, current: RankedDelegate) -> list[RankedDelegate]:
        ranked = current in self._delegates
        return self._delegates[: self._delegates.index(current)] if ranked else self._delegates

    def _wait(self, ranked: RankedDelegate) -> float:
        return max(0.0, ranked.open_until - self._clock())


def _find(choice: Choice, known: Sequence[RankedDelegate]) -> RankedDelegate | None:
    """The ranked delegate of a choice; an accelerator may change threads without a restart."""
    delegate, _ = choice
    for ranked in known:
        if ranked.choice == choice or (ranked.delegate == delegate and not delegate.is_cpu):
            return ranked
    return None
