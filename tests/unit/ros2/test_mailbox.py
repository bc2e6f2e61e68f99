from __future__ import annotations

import threading

from edgeseg_ros.mailbox import Mailbox


def test_a_newer_item_replaces_one_that_was_not_taken() -> None:
    box = Mailbox[int]()
    assert [box.put(number) for number in range(3)] == [False, True, True]
    assert box.take() == 2
    assert box.put(3) is False


def test_taking_waits_for_an_item_and_ends_when_the_mailbox_is_closed() -> None:
    box, taken, got = Mailbox[str](), list[str | None](), threading.Semaphore(0)

    def take() -> None:
        while taken[-1:] != [None]:
            taken.append(box.take())
            got.release()

    thread = threading.Thread(target=take)
    thread.start()
    box.put("first")
    got.acquire()
    box.close()
    thread.join()
    assert taken == ["first", None]
    box.put("late")
    assert box.take() is None
