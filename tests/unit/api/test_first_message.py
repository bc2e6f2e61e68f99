"""First messages: few at a time, and slow ones do not keep quick ones waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edgesegd.api import first_message
from edgesegd.api.first_message import MAX_READS, FirstMessages
from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import Expired, Overloaded

ONE = ("ipv4:10.0.0.1", "ipv4:10.0.0.1:1")
OTHER = ("ipv4:10.0.0.2", "ipv4:10.0.0.2:1")


class Sender:
    """Sends its first message when the test lets it; `asked` is set once it is being read."""

    def __init__(self) -> None:
        self.asked, self.send = asyncio.Event(), asyncio.Event()

    async def messages(self) -> AsyncIterator[str]:
        self.asked.set()
        await self.send.wait()
        yield "first"
        yield "second"


async def read(messages: FirstMessages, client: tuple[str, ...], sender: Sender) -> list[str]:
    call = OpenCall(client)
    with call.raising_if_evicted():
        rest, first = await messages.read(call, sender.messages())
    return [first, *[message async for message in rest]]


async def test_a_message_is_read_and_those_after_it_are_left_to_the_method() -> None:
    sender = Sender()
    sender.send.set()
    assert await read(FirstMessages(5), ONE, sender) == ["first", "second"]


async def test_a_message_that_does_not_come_has_its_time() -> None:
    messages = FirstMessages(0.02)
    with pytest.raises(Expired, match=r"no message arrived in 0\.02 s"):
        await read(messages, ONE, Sender())
    assert messages._reads.total == messages._slow.total == 0


async def test_few_are_read_at_a_time_and_another_client_is_not_kept_waiting() -> None:
    messages, senders, other = FirstMessages(30), [Sender() for _ in range(20)], Sender()
    tasks = [asyncio.create_task(read(messages, ONE, sender)) for sender in senders]
    await asyncio.sleep(0)
    begun = [sender.asked.is_set() for sender in senders].count(True)
    assert 0 < begun < MAX_READS
    other.send.set()
    assert await asyncio.wait_for(read(messages, OTHER, other), 5) == ["first", "second"]
    for sender in senders:
        sender.send.set()
    assert await asyncio.gather(*tasks) == [["first", "second"]] * 20
    assert messages._reads.total == messages._slow.total == 0


async def test_slow_ones_make_room_and_too_many_of_them_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_message, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(first_message, "MAX_SLOW_READS", 6)
    messages, senders = FirstMessages(30), [Sender() for _ in range(10)]
    tasks = [asyncio.create_task(read(messages, ONE, sender)) for sender in senders]
    done, slow = await asyncio.wait(tasks, timeout=1)
    assert slow, "some may take their time"
    for task in done:
        assert isinstance(task.exception(), Overloaded)
    quick = Sender()
    quick.send.set()
    assert await asyncio.wait_for(read(messages, ONE, quick), 5) == ["first", "second"]
    for sender in senders:
        sender.send.set()
    ends = await asyncio.gather(*slow, return_exceptions=True)
    assert ["first", "second"] in ends
    assert all(isinstance(end, list | Overloaded) for end in ends)
    assert messages._reads.total == messages._slow.total == 0


async def test_a_slow_first_message_is_waited_for_while_no_other_call_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_message, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(first_message, "MAX_SLOW_READS", 0)
    messages, sender = FirstMessages(30), Sender()
    task = asyncio.create_task(read(messages, ONE, sender))
    await asyncio.wait({task}, timeout=0.1)
    assert not task.done()
    sender.send.set()
    assert await task == ["first", "second"]
