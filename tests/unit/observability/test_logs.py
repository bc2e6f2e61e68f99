"""A log that stays small, whatever is logged."""

from __future__ import annotations

import io
import logging

import pytest

from edgesegd.observability.logs import MAX_LINES, WINDOW_SECONDS, LimitedHandler
from support.manual_clock import Clock


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(clock: Clock, written: io.StringIO) -> logging.Logger:
    logger = logging.Logger("edgesegd.test")
    logger.addHandler(LimitedHandler(logging.StreamHandler(written), clock=clock))
    return logger


def test_records_of_one_kind_are_written_up_to_a_number_and_then_counted(
    log: logging.Logger, clock: Clock, written: io.StringIO
) -> None:
    for number in range(10 * MAX_LINES):
        log.warning("frame %d is odd", number)
    assert len(written.getvalue().splitlines()) == MAX_LINES
    clock.now += WINDOW_SECONDS + 1
    log.warning("something else")
    *_, count, last = written.getvalue().splitlines()
    assert count == f"{9 * MAX_LINES} more like this in 10 s: frame %d is odd"
    assert last == "something else"


def test_another_kind_is_written_while_one_is_left_out(
    log: logging.Logger, written: io.StringIO
) -> None:
    for _ in range(2 * MAX_LINES):
        log.warning("again")
    log.error("again")
    log.warning("for once")
    assert written.getvalue().splitlines()[MAX_LINES:] == ["again", "for once"]


def test_after_a_while_the_kind_is_written_again(
    log: logging.Logger, clock: Clock, written: io.StringIO
) -> None:
    for _ in range(MAX_LINES):
        log.warning("again")
    clock.now += WINDOW_SECONDS + 1
    log.warning("again")
    assert written.getvalue().splitlines() == ["again"] * (MAX_LINES + 1)


def test_a_traceback_counts_as_one_record(log: logging.Logger, written: io.StringIO) -> None:
    for _ in range(3 * MAX_LINES):
        try:
            int("odd")
        except ValueError:
            log.exception("a frame failed")
    assert written.getvalue().count("Traceback") == MAX_LINES
