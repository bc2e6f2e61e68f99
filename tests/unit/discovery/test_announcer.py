"""Announcements over real multicast DNS, on loopback, as the client's own browser sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edgesegd.discovery.txt_record import Facts, txt_pairs
from support.announcing import Watching, announcer, unique_name


@pytest.fixture
def name() -> str:
    return unique_name()


@pytest.fixture
async def watching(name: str) -> AsyncIterator[Watching]:
    async with Watching(name) as watching:
        yield watching


def facts(*models: str, delegate: str = "cpu") -> dict[str, str]:
    return txt_pairs(Facts("0.9", [(each, "1") for each in models], delegate, metrics_port=9460))


async def test_a_daemon_appears_changes_and_is_gone(name: str, watching: Watching) -> None:
    pairs = facts("rooms")
    announcing = announcer(name, pairs)
    announcing.start()
    appeared = await watching.next()
    assert appeared.kind == "appeared"
    assert (appeared.daemon.name, appeared.daemon.address) == (name, "127.0.0.1:8460")
    assert appeared.daemon.models == ("rooms/1",)
    assert appeared.daemon.metrics_address == "127.0.0.1:9460"

    announcing.changed()  # nothing is said if nothing is new
    pairs.update(facts("rooms", "streets", delegate="edgetpu"))
    announcing.changed()
    changed = await watching.next()
    assert changed.kind == "changed"
    assert changed.daemon.models == ("rooms/1", "streets/1")
    assert changed.daemon.delegate == "edgetpu"

    await announcing.close()
    gone = await watching.next()
    assert (gone.kind, gone.daemon) == ("gone", changed.daemon)
    assert watching.daemons == []


async def test_a_name_that_is_taken_gets_a_number(
    name: str, watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = announcer(name, facts("a"), 8460), announcer(name, facts("b"), 8461)
    first.start()
    assert (await watching.next()).daemon.name == name
    second.start()
    other = (await watching.next()).daemon
    assert (other.name, other.port, other.models) == (f"{name}-2", 8461, ("b/1",))
    assert f"another daemon in this network is called {name}" in caplog.text
    await first.close()
    assert (await watching.next()).daemon.name == name
    assert [each.name for each in watching.daemons] == [f"{name}-2"]
    await second.close()


async def test_a_daemon_is_announced_once_its_machine_has_an_address(
    name: str, watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    own: list[str] = []
    announcing = announcer(name, facts("a"), own=own)
    announcing.start()
    other = announcer(f"{name} other", facts("a"))
    other.start()
    assert (await watching.next()).daemon.name == f"{name} other"
    assert "no address that others can reach" in caplog.text
    own.append("127.0.0.1")
    announcing.changed()  # as the kernel tells
    assert (await watching.next()).daemon.name == name
    for each in (announcing, other):
        await each.close()


async def test_closing_before_it_is_announced_ends_at_once(name: str, watching: Watching) -> None:
    announcing = announcer(name, facts("a"))
    announcing.start()
    await announcing.close()
    await announcing.close()
    assert watching.daemons == []
