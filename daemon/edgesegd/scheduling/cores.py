"""The cores of the board, on which one model runs at a time."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from edgesegd.scheduling.demand import CallLater, Timer, default_call_later
from edgesegd.scheduling.scheduler import Scheduler

MAX_HELD, MIN_HELD_SECONDS = 8.0, 1.0
"""Times the usual time of a frame, and at least so many seconds: then others wait no longer."""
SHARED_SECONDS = 1.0
"""How long after its last frame a model counts as one that shares the cores."""


class Cores:
    """Shares the board's cores out among models, by the turns of their clients.

    An engine on the CPU uses all cores. So engines of one model have frames at a time, those of
    others wait until these are answered; whose frame is next is decided by the accounts that the
    models' schedulers share. Who has the cores gives each of its engines a frame. While several
    models have frames no engine is given a second one in advance: whoever's turn is next would wait
    for that too. A model that has the cores for MAX_HELD times what its frames usually take has
    them no longer, for its engine hangs. `on_shared` of each engine's user is called when another
    model begins to use the cores.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
    ) -> None:
        self._clock = clock
        self._call_later = call_later or default_call_later
        self._engines: Counter[Scheduler] = Counter()
        self._holder: Scheduler | None = None
        self._frames: Counter[Scheduler] = Counter()
        self._none_ended = False
        self._overdue: Timer | None = None
        self._last_begun: dict[Scheduler, float] = {}
        self._on_shared: dict[Callable[[], None], Scheduler] = {}

    def join(self, scheduler: Scheduler) -> None:
        """One more engine takes frames from `scheduler`."""
        self._engines[scheduler] += 1

    def leave(self, scheduler: Scheduler) -> None:
        """One engine less takes frames from it."""
        self._engines[scheduler] -= 1
        if not self._engines[scheduler]:
            del self._engines[scheduler]
            del self._frames[scheduler]
            self._last_begun.pop(scheduler, None)

    def watch(self, scheduler: Scheduler, on_shared: Callable[[], None]) -> Callable[[], None]:
        """Call `on_shared` when another model begins to use the cores; what ends that."""
        self._on_shared[on_shared] = scheduler
        return partial(self._on_shared.__delitem__, on_shared)

    def may_take(self, scheduler: Scheduler, *, busy: bool) -> bool:
        """Whether an engine may take a frame of `scheduler`; `busy` is whether it has one already.

        A model whose turn is before is given the cores first, where it can use them.
        """
        if len(self._engines) <= 1:
            return True
        if self._holder not in (None, scheduler):
            self._watch_holder()
            return False
        if busy and self.is_shared_by(scheduler):
            return False
        has_begun = self._holder is scheduler and self._none_ended and not busy
        return has_begun or self._is_next(scheduler)

    def _is_next(self, scheduler: Scheduler) -> bool:
        """Whether its turn is before those of the others; they are given the cores first."""
        for other in self._in_turn() if scheduler.next_turn is not None else ():
            if other is scheduler:
                break
            if not self._are_free:
                return False  # they are to be free soon, for the other
            other.wake()
        return self._are_free or self._holder is scheduler

    @property
    def _are_free(self) -> bool:
        """Whether no engine has a frame."""
        return self._holder is None

    def begin(self, scheduler: Scheduler) -> None:
        """An engine is given a frame of `scheduler`."""
        if self._are_free:
            self._none_ended = True
        self._holder = scheduler
        self._frames[scheduler] += 1
        now = self._clock()
        is_new = now - self._last_begun.get(scheduler, -math.inf) >= SHARED_SECONDS
        self._last_begun[scheduler] = now
        if is_new and len(self._engines) > 1:
            for on_shared, of_whom in tuple(self._on_shared.items()):
                if of_whom is not scheduler:
                    on_shared()

    def end(self, scheduler: Scheduler) -> None:
        """A frame of `scheduler` is done with; after the last one the next in turn takes over."""
        self._frames[scheduler] -= 1
        self._none_ended = False
        if self._holder is scheduler and not self._frames[scheduler]:
            self._free()

    def _free(self) -> None:
        """Nobody has the cores: who is next in turn and can use them takes them."""
        self._holder = None
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        if len(self._engines) > 1:
            for scheduler in self._in_turn():
                scheduler.wake()
                if not self._are_free:
                    break

    def _watch_holder(self) -> None:
        """Another model waits for the cores: not for ever."""
        if self._holder is None or self._overdue is not None:
            return
        seconds = max(MIN_HELD_SECONDS, MAX_HELD * self._holder.usual_work)
        self._overdue = self._call_later(seconds, self._give_up_holder)

    def _give_up_holder(self) -> None:
        self._overdue = None
        self._free()

    def is_shared_by(self, scheduler: Scheduler) -> bool:
        """Whether another model has frames too, or had some lately."""
        recent = self._clock() - SHARED_SECONDS
        return any(
            other is not scheduler
            and (self._last_begun.get(other, -math.inf) > recent or other.next_turn is not None)
            for other in self._engines
        )

    def _in_turn(self) -> list[Scheduler]:
        """The models that have frames which wait, in the order of their turns."""
        turns = {each: each.next_turn for each in self._engines}
        waiting = [(turn, number) for number, turn in enumerate(turns.values()) if turn is not None]
        schedulers = list(turns)
        return [schedulers[number] for _, number in sorted(waiting)]
