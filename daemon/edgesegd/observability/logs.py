"""The log on stderr: however much goes wrong, it stays readable and small."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MAX_LINES = 50
"""Records of one kind in WINDOW_SECONDS; the others are counted. A traceback is one record."""
WINDOW_SECONDS = 10.0

Kind = tuple[str, int, str]
"""Logger, level and the message before its arguments are filled in."""


def set_up_logging(level: str) -> None:
    """Write what is logged to stderr, from `level` on."""
    handler = LimitedHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # A log that nobody can read must not end what it is about.
    logging.raiseExceptions = False
    # gRPC logs a traceback for each client that leaves in mid-message; our own errors are ours.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Window:
    """When the first record of a kind came, how many were written since, and how many were not."""

    began: float
    written: int = 0
    left_out: int = 0


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes at most MAX_LINES records of one kind in WINDOW_SECONDS, and how many it left out.

    That is said before the next record of any kind. `clock` gives seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._windows: dict[Kind, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it."""
        now = self._clock()
        self._close_windows(now)
        kind = (record.name, record.levelno, str(record.msg))
        window = self._windows.setdefault(kind, _Window(began=now))
        if window.written < MAX_LINES:
            window.written += 1
            super().emit(record)
        else:
            window.left_out += 1

    def _close_windows(self, now: float) -> None:
        ended = [kind for kind, each in self._windows.items() if now - each.began > WINDOW_SECONDS]
        for kind in ended:
            if left_out := self._windows.pop(kind).left_out:
                name, level, message = kind
                text = "%d more like this in %g s: %s"
                values = (left_out, WINDOW_SECONDS, message)
                super().emit(logging.LogRecord(name, level, "", 0, text, values, None))
