"""Hands the newest item from one thread to another."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Mailbox(Generic[_Item]):
    """Room for one item: a newer one replaces one that was not taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: _Item | None = None
        self._closed = False

    def put(self, item: _Item) -> bool:
        """Leaves the item, and returns whether it replaced another one; never waits."""
        with self._changed:
            replaced = self._item is not None
            if not self._closed:
                self._item = item
            self._changed.notify()
            return replaced

    def take(self) -> _Item | None:
        """Waits for an item and removes it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Ends every wait; an item that was not taken is dropped."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()
