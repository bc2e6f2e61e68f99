"""When a class counts as present."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg_client import InvalidRequest
from edgeseg_mqtt.presence import Presence, PresenceRule

RULE = PresenceRule(on=0.10, off=0.05, on_after=2, off_after=4)


def states(shares: Sequence[tuple[float, float]], rule: PresenceRule = RULE) -> list[bool | None]:
    """The state after each (time, share)."""
    presence, seen = Presence(rule), []
    for now, share in shares:
        before = presence.state
        assert presence.update(share, now) == (presence.state is not before)
        seen.append(presence.state)
    return seen


def test_a_class_is_present_once_it_was_large_for_long_enough() -> None:
    assert states([(0, 0.1), (1, 0.2), (2, 0.1)]) == [None, None, True]


def test_a_large_share_that_is_interrupted_begins_anew() -> None:
    assert states([(0, 0.1), (1, 0.0), (2, 0.1), (3.9, 0.1), (4, 0.1)]) == [*[None] * 4, True]


def test_a_class_that_is_present_stays_so_between_the_two_shares() -> None:
    shares = [(0, 0.1), (2, 0.1), *((float(now), 0.07) for now in range(3, 30))]
    assert states(shares)[1:] == [True] * 28


def test_a_class_is_absent_once_it_was_small_for_long_enough() -> None:
    shares = [(0, 0.1), (2, 0.1), (3, 0.01), (6.9, 0.0), (7, 0.04)]
    assert states(shares) == [None, True, True, True, False]


def test_a_small_share_between_larger_ones_changes_nothing() -> None:
    shares = [(0, 0.1), (2, 0.1), (3, 0.0), (6, 0.06), (8, 0.0), (11, 0.0), (12, 0.0)]
    assert states(shares)[2:] == [True, True, True, True, False]


def test_while_nothing_is_known_a_share_between_the_two_means_absent() -> None:
    assert states([(0, 0.07), (4, 0.07)]) == [None, False]


def test_without_times_each_frame_decides() -> None:
    at_once = PresenceRule(on=0.1, off=0.05, on_after=0, off_after=0)
    assert states([(0, 0.1), (0, 0.0), (0, 0.07), (0, 0.2)], at_once) == [True, False, False, True]


def test_after_a_gap_nothing_is_known_and_old_times_do_not_count() -> None:
    presence = Presence(RULE)
    presence.update(0.1, 0)
    presence.forget()
    assert (presence.update(0.1, 2), presence.state) == (False, None)
    assert (presence.update(0.1, 4), presence.state) == (True, True)
    presence.forget()
    assert presence.state is None


@given(st.lists(st.floats(0, 1), max_size=50))
def test_a_state_never_contradicts_the_last_shares(shares: list[float]) -> None:
    """It changes only towards what the share says at that moment."""
    presence = Presence(PresenceRule(on=0.3, off=0.2, on_after=1, off_after=2))
    for now, share in enumerate(shares):
        if presence.update(share, now):
            assert presence.state is (share >= 0.3)


@pytest.mark.parametrize("shares", [(0.0, 0.1), (1.1, 0.5), (0.1, 0.2), (0.1, -0.1)])
def test_shares_that_contradict_are_an_error(shares: tuple[float, float]) -> None:
    with pytest.raises(InvalidRequest, match="--on-share"):
        PresenceRule(on=shares[0], off=shares[1], on_after=0, off_after=0)


def test_a_share_below_which_none_is_cannot_be_that_of_absent() -> None:
    with pytest.raises(InvalidRequest, match="--off-share is more than 0: no share is less than 0"):
        PresenceRule(on=0.1, off=0.0, on_after=0, off_after=0)
