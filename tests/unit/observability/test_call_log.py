"""What is logged of streams and of invalid frames, and how much of it."""

from __future__ import annotations

import io
import logging

import pytest

from edgesegd.core.errors import InvalidFrame, Overloaded, Superseded
from edgesegd.observability.call_log import CallLog
from edgesegd.observability.logs import MAX_LINES, LimitedHandler
from support.manual_clock import Clock
from support.observed_frames import PEER, answered, image, stream


@pytest.fixture
def calls(clock: Clock, caplog: pytest.LogCaptureFixture) -> CallLog:
    caplog.set_level("INFO")
    return CallLog(clock=clock)


def test_a_stream_is_logged_when_it_opens_and_when_it_closes(
    calls: CallLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    front = calls.begin(stream("front"))
    front.accepted("scenes")
    for number in range(3):
        front.frame_answered(answered(number))
    front.frame_answered(answered(3, Superseded("a newer one came")))
    front.frames_abandoned(2)
    clock.now += 12.34
    front.ended("the client left")
    assert caplog.messages == [
        f"stream 1 of {PEER} (front) opened, model scenes",
        f"stream 1 of {PEER} (front) closed after 12.3 s, "
        "3 frames ok, 2 cancelled, 1 superseded: the client left",
    ]
    opened, closed = map(vars, caplog.records)
    assert {name: opened[name] for name in ("model", "peer", "stream")} == {
        "model": "scenes",
        "peer": PEER,
        "stream": "front",
    }
    assert closed["frames"] == {"ok": 3, "superseded": 1, "cancelled": 2}
    assert closed["reason"] == "the client left"


def test_a_stream_that_its_client_ended_says_so(
    calls: CallLog, caplog: pytest.LogCaptureFixture
) -> None:
    one = calls.begin(stream())
    one.accepted("")
    one.frame_answered(answered(1))
    one.ended("")
    empty = calls.begin(stream())
    empty.accepted("")
    empty.ended("")
    assert caplog.messages == [
        f"stream 1 of {PEER} opened",
        f"stream 1 of {PEER} closed after 0.0 s, 1 frame ok: the client ended it",
        f"stream 2 of {PEER} opened",
        f"stream 2 of {PEER} closed after 0.0 s, no frames: the client ended it",
    ]


def test_a_stream_that_is_refused_is_logged_once_with_the_reason(
    calls: CallLog, caplog: pytest.LogCaptureFixture
) -> None:
    calls.begin(stream("front")).ended(str(Overloaded("there are too many streams", 1.0)))
    assert caplog.messages == [
        f"stream 1 of {PEER} (front) was not opened: there are too many streams"
    ]


def test_of_invalid_frames_the_first_is_logged_and_then_one_a_second_with_a_count(
    calls: CallLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = InvalidFrame("the frame has no data")
    camera, other = calls.begin(stream("front")), calls.begin(image())
    for number in range(12):  # three seconds, and another client at the same time
        camera.frame_answered(answered(number, wrong))
        other.frame_answered(answered(number, wrong))
        clock.now += 0.25
    other.frame_answered(answered(99))
    other.ended("")
    assert caplog.messages == [
        f"frame 0 of {PEER} (front) is invalid: the frame has no data",
        f"frame 4 of {PEER} (front) is invalid: the frame has no data "
        "(7 more since the last such line)",
        f"frame 8 of {PEER} (front) is invalid: the frame has no data "
        "(7 more since the last such line)",
    ]


def test_good_and_superseded_frames_are_not_logged(
    calls: CallLog, caplog: pytest.LogCaptureFixture
) -> None:
    single = calls.begin(image())
    single.accepted("scenes")
    single.frame_answered(answered(1))
    single.frame_answered(answered(2, Superseded("a newer one came")))
    single.frames_abandoned(1)
    single.ended("the client left")
    assert caplog.messages == []


def test_a_thousand_streams_do_not_flood_the_log(clock: Clock) -> None:
    text = io.StringIO()
    handler = LimitedHandler(logging.StreamHandler(text), clock=clock)
    logger = logging.getLogger("edgesegd.observability.call_log")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        calls = CallLog(clock=clock)
        for number in range(1000):
            opened = calls.begin(stream(f"camera {number}"))
            opened.accepted("scenes")
            opened.ended("the client left")
        clock.now += 60
        calls.begin(stream()).accepted("scenes")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 * MAX_LINES + 3
    assert sum("950 more like this" in line for line in lines) == 2
