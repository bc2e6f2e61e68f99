"""What is known about the images, the daemon and the masks, for `/diagnostics`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edgeseg_client import FrameAnswer, Status


class Level(StrEnum):
    """The levels of `diagnostic_msgs/DiagnosticStatus`, by the names of its constants."""

    OK = "OK"
    WARN = "WARN"
    ERROR = "ERROR"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Report:
    """The state at one moment; `values` are shown as they are."""

    level: Level
    message: str
    values: dict[str, str]


class State:
    """Collects what happens in any thread, and reports it.

    A mask is stale after `stale_after` seconds: then a report is never OK. `now` is a monotonic
    clock, in seconds.
    """

    def __init__(
        self, server: str, stale_after: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._server = server
        self._stale_after = stale_after
        self._now = now
        self._lock = threading.Lock()
        self._started = self._reported = now()
        self._image_at: float | None = None
        self._mask_at: float | None = None
        self._waiting_since: float | None = None
        """When the first image came after the last mask."""
        self._counts = dict.fromkeys(("images", "masks", "superseded", "expired", "failed"), 0)
        self._before = self._counts.copy()
        self._refused = self._lost = self._failure = ""
        self._latency = 0.0
        self._model: dict[str, str] = {}
        self._stamps_believed: bool | None = None

    def image_came(self, *, stamp_believed: bool) -> None:
        """An image that can be read came."""
        with self._lock:
            self._counts["images"] += 1
            self._image_at = self._now()
            if self._waiting_since is None:
                self._waiting_since = self._image_at
            self._stamps_believed = stamp_believed
            self._refused = ""

    def image_refused(self, reason: str) -> bool:
        """An image came that cannot be read; returns whether the reason is another than before."""
        with self._lock:
            self._counts["images"] += 1
            self._counts["failed"] += 1
            self._image_at = self._now()
            changed = reason != self._refused
            self._refused = self._failure = reason
            return changed

    def superseded(self) -> None:
        """An image was dropped, because a newer one came before it could be sent."""
        with self._lock:
            self._counts["superseded"] += 1

    def daemon_lost(self, reason: str) -> bool:
        """There is no stream; returns whether the reason is another than before."""
        with self._lock:
            changed = reason != self._lost
            self._lost = reason
            return changed

    def answered(self, answer: FrameAnswer) -> bool:
        """The daemon answered; returns whether it was lost before."""
        with self._lock:
            match answer.status:
                case Status.SUPERSEDED:
                    self._counts["superseded"] += 1
                case Status.EXPIRED:
                    self._counts["expired"] += 1
                case Status.OK:
                    pass
                case _:
                    self._counts["failed"] += 1
                    self._failure = answer.message
            if answer.timing is None:  # the client itself gave the answer
                return False
            came_back = bool(self._lost)
            self._lost = ""
            return came_back

    def frame_failed(self, reason: str) -> None:
        """There was a result, but no mask could be published."""
        with self._lock:
            self._counts["failed"] += 1
            self._failure = reason

    def mask_published(self, answer: FrameAnswer) -> None:
        """A mask was published."""
        result = answer.result
        with self._lock:
            self._counts["masks"] += 1
            self._mask_at, self._waiting_since = self._now(), None
            self._latency = answer.latency
            self._model = {
                "model": result.model,
                "model_version": result.model_version,
                "delegate": result.delegate,
            }

    def report(self) -> Report:
        """The state now; failures count since the report before."""
        with self._lock:
            now = self._now()
            new = {name: count - self._before[name] for name, count in self._counts.items()}
            level, message = self._judge(now, new)
            values = {
                "server": self._server,
                **self._model,
                **{name: str(count) for name, count in self._counts.items()},
                "masks_per_second": f"{new['masks'] / max(now - self._reported, 1e-3):.1f}",
                "latency_seconds": f"{self._latency:.3f}",
                "last_mask_seconds_ago": _age(now, self._mask_at),
                "last_image_seconds_ago": _age(now, self._image_at),
                "age_counts_from": _age_source(self._stamps_believed),
            }
            if self._failure:
                values["last_failure"] = self._failure
            self._before, self._reported = self._counts.copy(), now
            return Report(level, message, values)

    def _judge(self, now: float, new: dict[str, int]) -> tuple[Level, str]:
        if self._lost:
            return Level.ERROR, self._lost
        if self._image_at is None:
            return Level.STALE, f"no image yet, {now - self._started:.0f} s after the start"
        if now - self._image_at > self._stale_after:
            return Level.STALE, f"no image for {now - self._image_at:.1f} s"
        if self._refused:
            return Level.ERROR, self._refused
        return self._judge_masks(now, new)

    def _judge_masks(self, now: float, new: dict[str, int]) -> tuple[Level, str]:
        waited = 0.0 if self._waiting_since is None else now - self._waiting_since
        if waited > self._stale_after:
            why = f" (the last failure: {self._failure})" if self._failure else ""
            return Level.ERROR, f"images come, but there was no mask for {waited:.1f} s{why}"
        if new["failed"]:
            return Level.WARN, f"{new['failed']} images failed: {self._failure}"
        if new["expired"]:
            return Level.WARN, f"{new['expired']} images were older than max_age"
        if self._mask_at is None:
            return Level.STALE, "the first image came, and there is no mask yet"
        return Level.OK, "images are segmented"


def _age(now: float, at: float | None) -> str:
    return "never" if at is None else f"{now - at:.1f}"


def _age_source(believed: bool | None) -> str:
    if believed is None:
        return "unknown"
    return "the header's stamp" if believed else "the receipt of the image"
