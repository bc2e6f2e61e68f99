"""Buffers and events leave in their order, once they may."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edgeseg_gstreamer.held import HeldItems

WAIT_SECONDS = 30.0


def opened(limit: int = 10, clock: Callable[[], float] = lambda: 0.0) -> HeldItems[str, str]:
    held = HeldItems[str, str](clock)
    held.limit = limit
    held.open()
    return held


def taken(held: HeldItems[str, str]) -> tuple[str, str | None]:
    item = held.take()
    assert item is not None
    held.left()
    return item.item, item.outcome


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    return thread, results


def ended(thread: threading.Thread) -> bool:
    thread.join(WAIT_SECONDS)
    return not thread.is_alive()


def test_buffers_leave_in_their_order_whatever_the_order_of_their_outcomes() -> None:
    held = opened()
    for key, name in enumerate("abc"):
        assert held.hold(name, key, None)
    for key in (2, 0, 1):
        assert held.settle(key, f"mask {key}")
    assert [taken(held) for _ in range(3)] == [("a", "mask 0"), ("b", "mask 1"), ("c", "mask 2")]


def test_an_event_does_not_overtake_a_buffer_that_waits_for_its_outcome() -> None:
    held = opened()
    held.hold("buffer", 1, None)
    held.follow("end")
    thread, results = in_thread(lambda: [taken(held), taken(held)])
    assert held.settle(1, "mask")
    assert ended(thread)
    assert results == [[("buffer", "mask"), ("end", None)]]


def test_a_buffer_whose_deadline_is_over_leaves_without_an_outcome() -> None:
    held = opened(clock=lambda: 5.0)
    held.hold("late", 1, 5.0)
    assert taken(held) == ("late", None)
    assert not held.settle(1, "mask"), "it has left"


def test_an_outcome_that_has_come_is_not_replaced() -> None:
    held = opened()
    held.hold("buffer", 1, None)
    assert held.settle(1, "first")
    assert not held.settle(1, "second")
    assert taken(held) == ("buffer", "first")


def test_a_buffer_waits_while_there_is_no_room() -> None:
    held = opened(limit=1)
    held.hold("first", 1, None)
    thread, results = in_thread(lambda: held.hold("second", 2, None))
    held.settle(1, "mask")
    assert taken(held) == ("first", "mask")
    assert ended(thread)
    assert results == [True]
    held.settle(2, "mask")
    assert taken(held) == ("second", "mask")


def test_closing_ends_every_wait_and_returns_what_was_held() -> None:
    held = opened(limit=1)
    held.hold("buffer", 1, None)
    held.follow("event")
    waiting = [
        in_thread(lambda: held.hold("another", 2, None)),
        in_thread(held.take),
        in_thread(held.wait_until_empty),
    ]
    assert held.close() == ["buffer", "event"]
    assert all(ended(thread) for thread, _ in waiting)
    assert [results for _, results in waiting] == [[False], [None], [False]]
    assert not held.follow("too late")
    assert not held.settle(1, "too late")


def test_it_can_be_opened_again() -> None:
    held = opened()
    held.close()
    held.open()
    held.hold("buffer", 3, None)
    held.settle(3, "mask")
    assert taken(held) == ("buffer", "mask")


def test_it_is_empty_only_when_the_last_item_has_been_passed_on() -> None:
    held = opened()
    held.follow("event")
    assert held.take() is not None
    thread, results = in_thread(held.wait_until_empty)
    thread.join(0.05)
    assert not results
    held.left()
    assert ended(thread)
    assert results == [True]
