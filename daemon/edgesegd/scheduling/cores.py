"""Shares the board's cores among models: one model runs on them at a time."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from edgesegd.scheduling.demand import CallLater, Timer, default_call_later
from edgesegd.scheduling.scheduler import Scheduler

MAX_HELD_FACTOR, MIN_HELD_SECONDS = 8.0, 1.0
"""How long a model may have the cores while others wait: MAX_HELD_FACTOR times the usual time of a
frame, but at least MIN_HELD_SECONDS."""
SHARED_SECONDS = 1.0
"""How long a model counts as using the cores after its last frame."""


class Cores:
    """Shares the board's cores among models, by the turns of their clients.

    An engine on the CPU uses all cores. So only engines of one model have frames at a time, and
    those of other models wait until these frames are answered. The accounts that the models'
    schedulers share decide whose frame is next. The model that has the cores gives each of its
    engines a frame. While several models have frames, no engine is given a second frame in advance,
    because the client whose turn is next would wait for it too. If a model has the cores for
    MAX_HELD_FACTOR times as long as its frames usually take, its engine hangs, and it loses the
    cores.
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
        # No frame was answered since the model got the cores: each of its engines may begin one.
        self._is_first_round = False
        self._overdue: Timer | None = None
        self._last_begun: dict[Scheduler, float] = {}
        self._on_shared: dict[Callable[[], None], Scheduler] = {}

    def join(self, scheduler: Scheduler) -> None:
        """One more engine takes frames from `scheduler`."""
        self._engines[scheduler] += 1

    def leave(self, scheduler: Scheduler) -> None:
        """One engine fewer takes frames from `scheduler`."""
        self._engines[scheduler] -= 1
        if not self._engines[scheduler]:
            del self._engines[scheduler]
            del self._frames[scheduler]
            self._last_begun.pop(scheduler, None)

    def watch(self, scheduler: Scheduler, on_shared: Callable[[], None]) -> Callable[[], None]:
        """Call `on_shared` when another model begins to use the cores; returns what ends that."""
        self._on_shared[on_shared] = scheduler
        return partial(self._on_shared.__delitem__, on_shared)

    def may_take(self, scheduler: Scheduler, *, busy: bool) -> bool:
        """Whether an engine may take a frame of `scheduler`; `busy` is whether it has one already.

        A model whose turn is earlier is given the cores first, if it can use them.
        """
        if len(self._engines) <= 1:
            return True
        if self._holder not in (None, scheduler):
            self._watch_holder()
            return False
        if busy and self.is_shared_by(scheduler):
            return False
        has_begun = self._holder is scheduler and self._is_first_round and not busy
        return has_begun or self._is_next(scheduler)

    def _is_next(self, scheduler: Scheduler) -> bool:
        """Whether its turn is before those of the others; they are given the cores first."""
        for other in self._in_turn() if scheduler.next_turn is not None else ():
            if other is scheduler:
                break
            if not self._are_free:
                return False  # the other model gets the cores when they are free
            other.wake()
        return self._are_free or self._holder is scheduler

    @property
    def _are_free(self) -> bool:
        """Whether no engine has a frame."""
        return self._holder is None

    def begin(self, scheduler: Scheduler) -> None:
        """An engine is given a frame of `scheduler`."""
        if self._are_free:
            self._is_first_round = True
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
        """A frame of `scheduler` is answered; after its last one the next model in turn may run."""
        self._frames[scheduler] -= 1
        self._is_first_round = False
        if self._holder is scheduler and not self._frames[scheduler]:
            self._free()

    def _free(self) -> None:
        """Free the cores, and give them to the next model in turn that can use them."""
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
        """Limit how long the present model may keep the cores, because another model waits."""
        if self._holder is None or self._overdue is not None:
            return
        seconds = max(MIN_HELD_SECONDS, MAX_HELD_FACTOR * self._holder.usual_work)
        self._overdue = self._call_later(seconds, self._give_up_holder)

    def _give_up_holder(self) -> None:
        self._overdue = None
        self._free()

    def is_shared_by(self, scheduler: Scheduler) -> bool:
        """Whether another model has frames too, or had one within SHARED_SECONDS."""
        recent = self._clock() - SHARED_SECONDS
        return any(
            other is not scheduler
            and (self._last_begun.get(other, -math.inf) > recent or other.next_turn is not None)
            for other in self._engines
        )

    def _in_turn(self) -> list[Scheduler]:
        """The models that have waiting frames, in the order of their turns."""
        turns = {each: turn for each in self._engines if (turn := each.next_turn) is not None}
        return sorted(turns, key=turns.__getitem__)
