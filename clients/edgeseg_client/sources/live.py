"""A live source that is opened again whenever it is lost."""

from __future__ import annotations

import logging
import math
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from edgeseg_client.errors import SourceError, SourceLost, WrongSource
from edgeseg_client.sources.source import Source, SourceFrame

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.25
MAX_PAUSE: Final = 0.5
"""Seconds between tries to open a source; short, so that a camera is soon back."""


class LiveSource(Source):
    """A camera that is opened again, as often as needed, until it is closed.

    If it cannot be opened in the first `wait` seconds, or is something else, its error is raised:
    the address may be wrong. With infinite `wait` it is tried whatever it answers.
    """

    is_live = True

    def __init__(self, name: str, *, wait: float) -> None:
        super().__init__(name)
        self._wait = wait

    @abstractmethod
    def open_once(self) -> Iterator[SourceFrame]:
        """The frames from now on; raises `SourceLost` if it ends or cannot be opened."""

    def __iter__(self) -> Iterator[SourceFrame]:
        begun, number, pause = time.monotonic(), 0, FIRST_PAUSE
        lost = False
        while not self._closed.is_set():
            reason = "it ended"
            try:
                for frame in self.open_once():
                    if lost:
                        self._report("")
                    lost, pause = False, FIRST_PAUSE
                    yield replace(frame, id=number)
                    number += 1
                    if self._closed.is_set():
                        return
                if number == 0 and not self._closed.is_set():
                    raise SourceLost(f"{self.name}: it ended without a picture")
            except SourceError as error:
                reason = str(error)
                # A device that just started may be wrong at first; one that was right comes back.
                wrong = isinstance(error, WrongSource) and self._wait < math.inf
                if number == 0 and (wrong or time.monotonic() - begun >= self._wait):
                    raise
            if not lost and not self._closed.is_set():
                self._report(reason)
            lost = True
            self._closed.wait(pause)
            pause = min(2 * pause, MAX_PAUSE)

    def _report(self, reason: str) -> None:
        """Say that the source is lost and why, or with "" that it is back."""
        if reason:
            log.warning("%s is lost (%s); trying again", self.name, reason)
        else:
            log.warning("%s is back", self.name)
        self.on_state(reason)
