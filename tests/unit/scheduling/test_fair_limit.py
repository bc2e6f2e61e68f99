"""What clients share, none can have all of."""

from __future__ import annotations

import asyncio

import pytest

from edgesegd.core.errors import Overloaded
from edgesegd.scheduling import fair_limit
from edgesegd.scheduling.fair_limit import FairLimit

ADDRESS = ("ipv4:10.0.0.1",)
ONE, TWO = (*ADDRESS, "ipv4:10.0.0.1:1"), (*ADDRESS, "ipv4:10.0.0.1:2")
OTHER = ("ipv4:10.0.0.2", "ipv4:10.0.0.2:1")
SOCKET = ("unix:",)


def taken(limit: FairLimit, client: tuple[str, ...]) -> int:
    """How many it can have, one after another."""
    count = 0
    while limit.room(client) >= 1:
        limit.take(client, 1)
        count += 1
    return count


def test_one_connection_can_have_a_third_one_address_and_one_socket_half() -> None:
    assert taken(FairLimit(300, "things"), ONE) == 100
    limit = FairLimit(300, "things")
    connections = [(*ADDRESS, f"ipv4:10.0.0.1:{number}") for number in range(100)]
    assert sum(taken(limit, connection) for connection in connections) <= 150
    assert limit.total >= 145
    assert taken(FairLimit(300, "things"), SOCKET) == 150


def test_a_client_that_comes_last_still_gets_some() -> None:
    limit = FairLimit(1000, "things")
    for number in range(5):
        assert taken(limit, (f"ipv4:10.0.1.{number}", f"ipv4:10.0.1.{number}:1")) > 0
    assert taken(limit, OTHER) > 0


def test_a_limit_of_one_lets_one_in() -> None:
    limit = FairLimit(1, "things")
    limit.take(ONE, 1)
    with pytest.raises(
        Overloaded, match=r"can have 1 things: 1 are in use, 1 of them by this client"
    ):
        limit.take(ONE, 1)
    with pytest.raises(Overloaded, match="0 of them by this client"):
        limit.take(OTHER, 1)


def test_what_is_refused_is_counted_and_takes_nothing() -> None:
    refused = 0

    def count() -> None:
        nonlocal refused
        refused += 1

    limit = FairLimit(10, "bytes", on_refused=count)
    with pytest.raises(Overloaded) as caught:
        limit.take(ONE, 11)
    assert (refused, limit.total, limit.room(ONE)) == (1, 0, 10)
    assert caught.value.retry_after > 0


def test_a_client_that_was_forced_over_the_limit_has_no_room_until_it_releases_enough() -> None:
    limit = FairLimit(10, "bytes")
    limit.force(ONE, 30)
    assert limit.room(ONE) < limit.room(TWO) < limit.room(OTHER) < 0
    limit.release(ONE, 30)
    assert limit.room(ONE) == limit.room(OTHER) == 10
    assert not limit._amounts, "clients that hold nothing are forgotten"


async def test_a_waiting_client_gets_its_amount_as_soon_as_there_is_room() -> None:
    limit = FairLimit(3, "things")
    limit.take(ONE, 1)
    waiting = [asyncio.create_task(limit.wait_and_take(ONE, 1)) for _ in range(20)]
    for held in range(20):
        await asyncio.sleep(0)
        assert limit.total == 1, held
        limit.release(ONE, 1)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waiting = [task for task in waiting if not task.done()]
        assert len(waiting) == 19 - held


async def test_no_client_waits_any_more_when_all_is_released() -> None:
    limit = FairLimit(100, "bytes")
    limit.force(ONE, 200)
    waiting = [asyncio.create_task(limit.wait_for_room(ONE, 10)) for _ in range(20)]
    waiting += [asyncio.create_task(limit.wait_and_take(OTHER, 1)) for _ in range(20)]
    await asyncio.sleep(0)
    limit.release(ONE, 200)
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert not limit.is_waited_for
    assert limit.total == 20


async def test_clients_that_gave_up_waiting_do_not_keep_others_waiting() -> None:
    limit = FairLimit(1, "things")
    limit.take(ONE, 1)
    gone = [asyncio.create_task(limit.wait_and_take(TWO, 1)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert not limit.is_waited_for
    waiting = asyncio.create_task(limit.wait_and_take(OTHER, 1))
    await asyncio.sleep(0)
    limit.release(ONE, 1)
    await asyncio.wait_for(waiting, 5)


async def test_who_is_cancelled_when_there_is_room_at_last_holds_nothing() -> None:
    limit = FairLimit(1, "things")
    limit.take(ONE, 1)
    waiting = asyncio.create_task(limit.wait_and_take(ONE, 1))
    await asyncio.sleep(0)
    limit.release(ONE, 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert limit.total == 0


@pytest.mark.parametrize("takes", [True, False])
async def test_a_client_that_gives_up_when_it_gets_room_does_not_keep_others_waiting(
    takes: bool,
) -> None:
    limit = FairLimit(2, "things")
    limit.force(ONE, 2)
    wait = limit.wait_and_take if takes else limit.wait_for_room
    waiting = [asyncio.create_task(wait(ONE, 1)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)  # its future is cancelled, its task did not run
    waiting[1].cancel()
    limit.release(ONE, 2)
    await asyncio.wait(waiting, timeout=5)
    assert [task.cancelled() for task in waiting] == [True, True, False]
    assert limit.total == (1 if takes else 0)


async def test_one_that_waits_in_vain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_limit, "RETRY_AFTER", 0.01)
    limit = FairLimit(1, "things")
    await limit.wait_briefly_and_take(ONE, 1)
    with pytest.raises(Overloaded):
        await limit.wait_briefly_and_take(OTHER, 1)
    limit.release(ONE, 1)
    await limit.wait_briefly_and_take(OTHER, 1)


async def test_only_clients_that_hold_some_wait_for_room_for_a_frame() -> None:
    """Other clients are refused at once: they hold nothing that they could release."""
    limit = FairLimit(10, "bytes")
    limit.force(ONE, 10)
    await limit.wait_for_room(OTHER, 5)
    waiting = asyncio.create_task(limit.wait_for_room(ONE, 5))
    await asyncio.sleep(0)
    assert not waiting.done()
    limit.release(ONE, 9)
    await asyncio.wait_for(waiting, 5)
