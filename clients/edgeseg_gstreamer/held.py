"""The buffers and events that an element holds back until they may leave, in their order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class Held(Generic[_Item, _Outcome]):
    """A buffer that waits for its outcome, or an event, which has no `key` and waits for nothing.

    `deadline` is when a buffer leaves without an outcome, by `time.monotonic`; None: never.
    """

    item: _Item
    key: int | None = None
    deadline: float | None = None
    outcome: _Outcome | None = None

    @property
    def settled(self) -> bool:
        """Whether it may leave."""
        return self.key is None or self.outcome is not None


class HeldItems(Generic[_Item, _Outcome]):
    """First in, first out; the first leaves once its outcome is known or its deadline is over.

    At most `limit` buffers are held: `hold` waits until there is room. It starts closed; while it
    is closed it holds nothing, and nobody waits.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = 1
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[Held[_Item, _Outcome]] = deque()
        self._buffers: dict[int, Held[_Item, _Outcome]] = {}
        self._leaving = False
        self._open = False

    def open(self) -> None:
        """Lets items in."""
        with self._changed:
            self._open = True

    @property
    def is_open(self) -> bool:
        """Whether it lets items in."""
        return self._open

    def close(self) -> list[_Item]:
        """Forgets all items, and ends every wait; returns the items that were held."""
        with self._changed:
            self._open = False
            forgotten = [held.item for held in self._waiting]
            self._waiting.clear()
            self._buffers.clear()
            self._changed.notify_all()
        return forgotten

    def hold(self, item: _Item, key: int, deadline: float | None) -> bool:
        """Adds a buffer; False if it is closed, or is closed before there is room."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or len(self._buffers) < self.limit)
            if self._open:
                held = Held[_Item, _Outcome](item, key, deadline)
                self._waiting.append(held)
                self._buffers[key] = held
                self._changed.notify_all()
            return self._open

    def follow(self, item: _Item) -> bool:
        """Adds an event behind the buffers that are held; False if it is closed."""
        with self._changed:
            if self._open:
                self._waiting.append(Held(item))
                self._changed.notify_all()
            return self._open

    def settle(self, key: int, outcome: _Outcome) -> bool:
        """Gives a buffer its outcome; False if it is not held any more, or has one."""
        with self._changed:
            held = self._buffers.get(key)
            if held is None or held.outcome is not None:
                return False
            held.outcome = outcome
            self._changed.notify_all()
            return True

    def take(self) -> Held[_Item, _Outcome] | None:
        """Waits for the next item that may leave; None if it is closed.

        Call `left` when the item has been passed on. A buffer whose deadline is over has no
        outcome.
        """
        with self._changed:
            while self._open:
                if (first := next(iter(self._waiting), None)) is None:
                    self._changed.wait()
                    continue
                remaining = None if first.deadline is None else first.deadline - self._clock()
                if first.settled or (remaining is not None and remaining <= 0):
                    self._waiting.popleft()
                    self._leaving = True
                    if first.key is not None:
                        del self._buffers[first.key]
                    self._changed.notify_all()
                    return first
                self._changed.wait(remaining)
            return None

    def left(self) -> None:
        """Call it when the item that was taken has been passed on."""
        with self._changed:
            self._leaving = False
            self._changed.notify_all()

    def wait_until_empty(self) -> bool:
        """Waits until all items have been passed on; False if it is closed before that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or not (self._waiting or self._leaving))
            return self._open
