"""Several connections of an attacker at a time, each with a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from attacks.target import Seen, short

PAUSE = 0.1


def repeat(attempt: Callable[[], None], until: float, seen: Seen) -> None:
    """Try again and again, even after a connection was refused or lost."""
    while time.monotonic() < until:
        try:
            attempt()
        except OSError as error:
            seen[short(f"{type(error).__name__}: {error}")] += 1
            time.sleep(PAUSE)


def in_threads(count: int, attempt: Callable[[], None], until: float, seen: Seen) -> None:
    """`repeat` in `count` threads."""
    threads = [
        threading.Thread(target=repeat, args=(attempt, until, seen), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
