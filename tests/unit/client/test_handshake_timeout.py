"""A stream that was lost is soon back, also at a daemon that takes its time."""

from __future__ import annotations

import pytest

from edgeseg_client.handshake_timeout import HandshakeTimeout


def test_the_first_connection_has_the_time_of_any_call() -> None:
    timeout = HandshakeTimeout(60.0)
    timeout.on_failed(60.0)
    assert timeout.seconds == 60.0
    assert HandshakeTimeout(None).seconds is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [5.0, 10.0, 20.0, 40.0, 80.0, 80.0]),
        (30.0, [5.0, 10.0, 20.0, 30.0, 30.0, 30.0]),
        (2.0, [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
    ],
)
def test_each_later_try_that_took_its_time_gives_the_next_one_more(
    given: float | None, expected: list[float]
) -> None:
    timeout, seen = HandshakeTimeout(given), []
    timeout.on_connected()
    for _ in expected:
        assert timeout.seconds is not None
        seen.append(timeout.seconds)
        timeout.on_failed(timeout.seconds + 0.1)
    assert seen == expected


def test_a_daemon_that_refuses_at_once_gets_no_more_time() -> None:
    timeout = HandshakeTimeout(None)
    timeout.on_connected()
    for _ in range(10):
        timeout.on_failed(0.1)
    assert timeout.seconds == 5.0


def test_the_next_loss_begins_anew() -> None:
    timeout = HandshakeTimeout(None)
    timeout.on_connected()
    timeout.on_failed(5.0)
    timeout.on_failed(10.0)
    timeout.on_connected()
    assert timeout.seconds == 5.0
