"""A client finds its daemon by name, over real multicast DNS on loopback."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from edgeseg_client import AsyncClient, Client, InvalidRequest, Unavailable
from edgeseg_client.discovery.find import find_address, load_browser
from edgesegd.discovery.announcer import Announcer
from support.announcing import announcer, unique_name

from ..scripted_daemon import GOOD, ScriptedDaemon

Announce = Callable[..., Announcer]


@pytest.fixture
async def announce() -> AsyncIterator[Announce]:
    async with AsyncExitStack() as stack:

        def start(name: str, port: int, tls: str = "none") -> Announcer:
            announcing = announcer(name, {"txtvers": "1", "tls": tls}, port)
            announcing.start()
            stack.push_async_callback(announcing.close)
            return announcing

        yield start


def port_of(daemon: ScriptedDaemon) -> int:
    return int(daemon.address.rpartition(":")[2])


async def test_a_client_calls_the_daemon_of_that_name(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    announce(name, port_of(daemon))
    async with AsyncClient(f"discover:{name.upper()}", retry_for=20) as client:
        assert (await client.segment(GOOD)).model == "toy"
        assert client.address == f"discover:{name.upper()}"


async def test_a_client_follows_a_board_that_has_another_address(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    before = announce(name, port_of(daemon))
    async with AsyncClient(f"discover:{name}", retry_for=30) as client:
        assert (await client.segment(GOOD)).model == "toy"
        await before.close()
        daemon.kill()
        moved = ScriptedDaemon()
        moved.start()
        try:
            announce(name, port_of(moved))
            assert (await client.segment(GOOD)).model == "toy"
        finally:
            moved.kill()


async def test_another_board_that_takes_the_old_address_is_not_taken_for_it(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    before = announce(name, port_of(daemon))
    async with AsyncClient(f"discover:{name}", retry_for=30) as client:
        assert (await client.segment(GOOD)).model == "toy"
        await before.close()
        daemon.kill()
        stranger, moved = ScriptedDaemon(), ScriptedDaemon()
        stranger.port = port_of(daemon)
        stranger.start()
        moved.start()
        try:
            announce(unique_name(), port_of(stranger))
            announce(name, port_of(moved))
            await asyncio.sleep(1.0)  # a name is not looked for again within a second
            for _ in range(3):
                assert (await client.segment(GOOD)).model == "toy"
            assert len(moved.script.options) == 3
            assert not stranger.script.options
        finally:
            stranger.kill()
            moved.kill()


async def test_a_name_that_is_not_there_is_an_error_that_lists_the_others(
    announce: Announce,
) -> None:
    name = unique_name()
    announce(name, 8460)
    assert await find_address(name, encrypted=False) == "127.0.0.1:8460"
    wanted = rf"no daemon called kitchen was found within 3 s; .*{name} \(127.0.0.1:8460\)"
    with pytest.raises(Unavailable, match=wanted):
        await find_address("kitchen", encrypted=False)


async def test_of_several_daemons_one_must_be_named(announce: Announce) -> None:
    names = sorted(unique_name() for _ in range(2))
    for number, name in enumerate(names):
        announce(name, 8460 + number)
        await find_address(name, encrypted=False)
    with pytest.raises(InvalidRequest, match=f"choose one: .*discover:{names[0]}"):
        await find_address("", encrypted=False)


@pytest.mark.parametrize(
    ("tls", "encrypted", "advice"),
    [
        ("server", False, "uses TLS; give the certificates"),
        ("mutual", False, "uses TLS; give the certificates"),
        ("none", True, "does not use TLS; leave the certificates out"),
    ],
)
async def test_a_daemon_with_other_security_is_a_clear_error(
    announce: Announce, tls: str, encrypted: bool, advice: str
) -> None:
    name = unique_name()
    announce(name, 8460, tls)
    with pytest.raises(InvalidRequest, match=advice):
        await find_address(name, encrypted=encrypted)


def test_a_token_is_not_sent_to_whoever_announces_a_name() -> None:
    with pytest.raises(InvalidRequest, match="would be sent to discover:kitchen without"):
        Client("discover:kitchen", token="secret")  # noqa: S106


def test_a_missing_package_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "edgeseg_client.discovery.browser", raising=False)
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(InvalidRequest, match=r"needs zeroconf: pip install 'edgeseg\[discovery\]"):
        load_browser()
