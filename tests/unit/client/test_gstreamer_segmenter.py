"""What the GStreamer element's thread makes of a daemon that cannot segment now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Result
from edgeseg_gstreamer.no_mask import NoMask
from edgeseg_gstreamer.segmenter import Segmenter
from edgeseg_gstreamer.settings import Policy, read_settings

from .scripted_daemon import GOOD, Script, ScriptedDaemon, fault, refuse

WAIT_SECONDS = 30.0
NO_ENGINE = fault(pb.FRAME_STATUS_UNAVAILABLE)
VALUES: dict[str, Any] = {
    **dict.fromkeys(("token", "ca", "model", "classes"), ""),
    **dict.fromkeys(("latency", "max-age", "hold"), 0),
    **dict.fromkeys(("drop", "shared-memory"), False),
    "size": "frame",
    "resize": "stretch",
    "policy": "auto",
    "max-buffers": 32,
}


class Picture:
    """A job that has other bytes each time it is sent; the last ones again and again."""

    captured_unix_ns: int | None = None

    def __init__(self, key: int, *data: bytes) -> None:
        self.key = key
        self.sent = 0
        self._data = data

    @contextmanager
    def opened(self) -> Iterator[bytes]:
        self.sent += 1
        yield self._data[min(self.sent, len(self._data)) - 1]


class Told:
    """What the segmenter said, in its order."""

    def __init__(self) -> None:
        self.lines: Queue[tuple[str, object]] = Queue()

    def on_result(self, job: Picture, result: Result) -> None:
        assert result.frame_id == job.key
        self.lines.put(("mask", job.key))

    def on_no_mask(self, key: int, reason: NoMask, message: str) -> None:
        self.lines.put((reason.value, key))

    def on_away(self, message: str) -> None:
        self.lines.put(("no daemon", message))

    def on_back(self) -> None:
        self.lines.put(("daemon", None))

    def on_refused(self, error: Exception) -> None:
        self.lines.put(("refused", type(error).__name__))

    def next(self) -> tuple[str, object]:
        return self.lines.get(timeout=WAIT_SECONDS)

    def until(self, name: str) -> list[tuple[str, object]]:
        """What was said up to that, with it."""
        lines = [self.next()]
        while lines[-1][0] != name:
            lines.append(self.next())
        return lines


@contextmanager
def segmenter(
    daemon: ScriptedDaemon, policy: Policy, told: Told, retry_for: int = 30
) -> Iterator[Segmenter[Picture]]:
    values = VALUES | {"server": daemon.address, "retry-for": retry_for}
    running = Segmenter[Picture](read_settings(values), policy, told)
    try:
        yield running
    finally:
        running.stop()
        names = [thread.name for thread in threading.enumerate()]
        assert "edgeseg-gstreamer" not in names


def test_with_every_a_picture_is_sent_again_until_the_daemon_has_an_engine(
    daemon: ScriptedDaemon,
) -> None:
    told = Told()
    first, second = Picture(1, NO_ENGINE, NO_ENGINE, GOOD), Picture(2, GOOD)
    with segmenter(daemon, "every", told) as running:
        assert running.submit(first)
        assert running.submit(second)
        assert told.until("daemon") == [
            *[("no daemon", "as the test wants it")] * 2,
            ("daemon", None),
        ]
        assert [told.next(), told.next()] == [("mask", 1), ("mask", 2)]
    assert first.sent == 3


def test_with_every_pictures_pass_once_the_time_for_that_is_over_and_later_ones_have_masks(
    daemon: ScriptedDaemon,
) -> None:
    told = Told()
    with segmenter(daemon, "every", told, retry_for=0) as running:
        running.submit(Picture(1, NO_ENGINE))
        assert told.until("away")[-1] == ("away", 1)
        key = 2
        while not running.submit(Picture(key, GOOD)):  # until it has connected again
            threading.Event().wait(0.05)
        assert told.until("mask") == [("daemon", None), ("mask", key)]


def test_with_latest_a_daemon_without_an_engine_is_said_if_it_lasts(
    daemon: ScriptedDaemon,
) -> None:
    told = Told()
    with segmenter(daemon, "latest", told) as running:
        key = 0
        while not [line for line in list(told.lines.queue) if line[0] == "no daemon"]:
            key += 1
            running.submit(Picture(key, NO_ENGINE))
            threading.Event().wait(0.02)
        said = told.until("no daemon")
        assert {name for name, _ in said} <= {"away", "superseded", "no daemon"}


@pytest.mark.parametrize("policy", ["latest", "every"])
def test_a_refused_token_ends_it_and_is_said(
    daemon: ScriptedDaemon, script: Script, policy: Policy
) -> None:
    script.refusals.append(refuse(grpc.StatusCode.UNAUTHENTICATED))
    told = Told()
    with segmenter(daemon, policy, told) as running:
        assert told.next() == ("refused", "AccessDenied")
        assert not running.submit(Picture(1, GOOD))


def test_stopping_while_no_daemon_answers_does_not_wait_for_one(daemon: ScriptedDaemon) -> None:
    daemon.kill()
    told = Told()
    with segmenter(daemon, "every", told) as running:
        assert running.submit(Picture(1, GOOD))
        assert told.next()[0] == "no daemon"
    daemon.start()


def test_what_was_forgotten_is_neither_sent_again_nor_answered(daemon: ScriptedDaemon) -> None:
    told = Told()
    with segmenter(daemon, "every", told) as running:
        daemon.script.gate.clear()
        running.submit(Picture(1, GOOD))
        assert daemon.script.arrived.acquire(timeout=WAIT_SECONDS)
        running.forget()
        daemon.script.gate.set()
        running.submit(Picture(2, GOOD))
        assert told.until("mask") == [("daemon", None), ("mask", 2)]
