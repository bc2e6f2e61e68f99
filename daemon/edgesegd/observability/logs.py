"""The log, limited so that it stays readable and small whatever goes wrong."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgesegd.observability.journal import JournalHandler, is_journal
from edgesegd.observability.json_log import JsonFormatter

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JSON = "json"
MAX_LINES = 50
"""Records of one kind that are written in WINDOW_SECONDS; further ones are only counted. A
traceback is one record."""
WINDOW_SECONDS = 10.0

Kind = tuple[str, int, str]
"""The logger, the level, and the message before its arguments are filled in."""


def set_up_logging(level: str, form: str = "text") -> None:
    """Write log records from `level` on to stderr, as lines of text or of JSON.

    If stderr is the journal, records have fields and priorities there; with JSON, their messages
    are the lines.
    """
    writer: logging.Handler = logging.StreamHandler()
    writer.setFormatter(JsonFormatter() if form == JSON else logging.Formatter(FORMAT))
    if is_journal(os.environ):
        otherwise, writer = writer, JournalHandler(otherwise=writer)
        if form == JSON:
            writer.setFormatter(otherwise.formatter)
    logging.basicConfig(level=level.upper(), handlers=[LimitedHandler(writer)])
    # If the log cannot be written, the daemon should go on without messages about that.
    logging.raiseExceptions = False
    # gRPC logs a traceback for each client that leaves in the middle of a message. The daemon logs
    # its own errors itself.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Window:
    """When the first record of a kind arrived, how many were written since, how many were not."""

    began: float
    written: int = 0
    left_out: int = 0


class LimitedHandler(logging.Handler):
    """Gives `writer` at most MAX_LINES records of one kind in WINDOW_SECONDS; counts the others.

    After the window, the count is written before the next record of any kind. `clock` returns
    seconds.
    """

    def __init__(
        self, writer: logging.Handler, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._writer = writer
        self._clock = clock
        self._windows: dict[Kind, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it."""
        now = self._clock()
        self._close_windows(now)
        kind = (record.name, record.levelno, str(record.msg))
        window = self._windows.setdefault(kind, _Window(began=now))
        if window.written < MAX_LINES:
            window.written += 1
            self._writer.emit(record)
        else:
            window.left_out += 1

    def _close_windows(self, now: float) -> None:
        ended = [kind for kind, each in self._windows.items() if now - each.began > WINDOW_SECONDS]
        for kind in ended:
            if left_out := self._windows.pop(kind).left_out:
                name, level, message = kind
                text = "%d more like this in %g s: %s"
                values = (left_out, WINDOW_SECONDS, message)
                self._writer.emit(logging.LogRecord(name, level, "", 0, text, values, None))
