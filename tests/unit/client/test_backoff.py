"""Delays between attempts, on a simulated clock."""

import pytest

from edgeseg_client.backoff import Backoff


def test_backoff_delays_double_up_to_the_largest() -> None:
    backoff = Backoff(100, initial=0.1, maximum=1.0, randomness=lambda: 1.0)

    delays = [backoff.delay(0) for _ in range(6)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_backoff_jitter_takes_at_most_half_of_a_delay() -> None:
    backoff = Backoff(100, initial=1.0, randomness=lambda: 0.0)

    assert backoff.delay(0) == 0.5


def test_backoff_gives_up_when_its_budget_is_spent() -> None:
    backoff = Backoff(10, initial=4.0, maximum=4.0, randomness=lambda: 1.0)

    assert backoff.delay(100) == 4.0
    assert backoff.delay(108) == 2.0
    assert backoff.delay(110) is None
    assert backoff.delay(111) is None


def test_backoff_starts_over_after_a_success() -> None:
    backoff = Backoff(10, initial=0.1, randomness=lambda: 1.0)
    backoff.delay(0)
    backoff.delay(9)
    backoff.reset()

    assert backoff.delay(50) == pytest.approx(0.1)


def test_backoff_starts_over_only_after_a_connection_that_held() -> None:
    backoff = Backoff(10, stable_after=5.0)
    backoff.delay(0)
    backoff.connected(1)

    assert backoff.delay(4) is not None
    backoff.connected(6)
    assert backoff.delay(10.5) is None
    backoff.connected(20)
    assert backoff.delay(25) is not None


def test_backoff_waits_at_least_as_long_as_the_daemon_asks() -> None:
    backoff = Backoff(10, initial=0.1, randomness=lambda: 0.5)

    assert backoff.delay(0, at_least=2.0) == pytest.approx(2.5)
    assert backoff.delay(7, at_least=2.9) == 3.0
    assert backoff.delay(7, at_least=3.1) is None


def test_backoff_without_a_budget_allows_no_second_attempt() -> None:
    assert Backoff(0).delay(5) is None


def test_backoff_does_not_overflow_in_a_long_outage() -> None:
    backoff = Backoff(1e9, maximum=2.0, randomness=lambda: 1.0)

    assert [backoff.delay(0) for _ in range(5000)][-1] == 2.0
