"""A client finds its daemon by name, over real multicast DNS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceStub
from edgeseg_client import AsyncClient, Client, ClientClosed, InvalidRequest, Unavailable
from edgeseg_client.client_channels import ClientChannels
from edgeseg_client.discovery.find import FIND_SECONDS, find_address, load_browser
from edgesegd.discovery.announcer import Announcer
from support.announcing import announcer, unique_name

from ..scripted_daemon import GOOD, ScriptedDaemon, running

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub

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


async def test_a_client_calls_the_daemon_of_that_name(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    announce(name, daemon.port)
    async with AsyncClient(f"discover:{name.upper()}", retry_for=20) as client:
        assert (await client.segment(GOOD)).model == "toy"
        assert client.address == f"discover:{name.upper()}"


async def test_a_client_follows_a_board_that_has_another_address(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    before = announce(name, daemon.port)
    async with AsyncClient(f"discover:{name}", retry_for=30) as client:
        assert (await client.segment(GOOD)).model == "toy"
        await before.close()
        daemon.kill()
        with running(ScriptedDaemon()) as moved:
            announce(name, moved.port)
            assert (await client.segment(GOOD)).model == "toy"


async def test_another_board_that_takes_the_old_address_is_not_taken_for_it(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    name = unique_name()
    before = announce(name, daemon.port)
    async with AsyncClient(f"discover:{name}", retry_for=30) as client:
        assert (await client.segment(GOOD)).model == "toy"
        await before.close()
        daemon.kill()
        with (
            running(ScriptedDaemon(port=daemon.port)) as stranger,
            running(ScriptedDaemon()) as moved,
        ):
            announce(unique_name(), stranger.port)
            announce(name, moved.port)
            await asyncio.sleep(1.0)  # a name is not looked for again within a second
            for _ in range(3):
                assert (await client.segment(GOOD)).model == "toy"
            assert len(moved.script.options) == 3
            assert not stranger.script.options


async def test_calls_to_a_former_address_end_and_then_its_channel_is_closed(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    """A board that stops answers what it has, while new calls go where its name leads now."""
    name = unique_name()
    before = announce(name, daemon.port)
    channels = ClientChannels((f"discover:{name}",), None, lambda: None)
    (former,) = await channels.get(20)
    call = stub_of(former).Segment()
    await call.write(pb.SegmentRequest(options=pb.StreamOptions()))
    daemon.script.gate.clear()
    await call.write(pb.SegmentRequest(frame=pb.Frame(data=GOOD)))
    assert await asyncio.to_thread(daemon.script.arrived.acquire, timeout=20)
    await before.close()
    daemon.stop_taking()
    with running(ScriptedDaemon()) as moved:
        announce(name, moved.port)
        async with asyncio.timeout(30):
            while (newest := (await channels.get(20))[0]) is former:
                await asyncio.sleep(0.1)  # a name is not looked for again within a second
        info = await stub_of(newest).GetServerInfo(pb.GetServerInfoRequest())
        assert info.version == "1.2.3"
        daemon.script.gate.set()
        answer = await call.read()
        assert isinstance(answer, pb.SegmentResponse)
        assert answer.status == pb.FRAME_STATUS_OK
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        await until_shut(former)
        assert newest.get_state() is grpc.ChannelConnectivity.READY
    await channels.close()
    await until_shut(newest)


def stub_of(channel: grpc.aio.Channel) -> SegmentationServiceAsyncStub:
    return SegmentationServiceStub(channel)  # type: ignore[return-value]  # one class for both


async def until_shut(channel: grpc.aio.Channel) -> None:
    """gRPC reports each other state, but not that a channel was closed."""
    async with asyncio.timeout(20):
        while channel.get_state() is not grpc.ChannelConnectivity.SHUTDOWN:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["call", "info", "stream"])
async def test_a_timeout_ends_the_wait_for_the_search_for_a_name(kind: str) -> None:
    async with AsyncClient(f"discover:{unique_name()}", timeout=0.2, retry_for=0) as client:
        with pytest.raises(Unavailable, match=r"was not found within 0\.2 s"):
            if kind == "call":
                await client.segment(GOOD)
            elif kind == "info":
                await client.info()
            else:
                await anext(client.stream([GOOD]))


async def test_calls_whose_time_is_too_short_for_a_search_share_one(
    daemon: ScriptedDaemon, announce: Announce
) -> None:
    """It goes on when their time is over, and a later call finds what it has found."""
    name = unique_name()
    async with AsyncClient(f"discover:{name}", timeout=0.05, retry_for=20) as client:
        announce(name, daemon.port)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(Unavailable):
                    if (await client.info()).version == "1.2.3":
                        break


async def test_closing_a_client_ends_its_search_for_a_name() -> None:
    client = AsyncClient(f"discover:{unique_name()}", timeout=None)
    calls = [asyncio.create_task(client.info()) for _ in range(2)]
    longest = asyncio.create_task(asyncio.sleep(FIND_SECONDS))
    await asyncio.sleep(0.5)
    assert not any(call.done() for call in calls)
    await client.close()
    for call in calls:
        with pytest.raises(ClientClosed):
            await call
    assert not longest.done()
    longest.cancel()


def test_closing_a_client_in_another_thread_ends_its_search_for_a_name() -> None:
    client = Client(f"discover:{unique_name()}", timeout=None)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(client.info)
        time.sleep(0.5)
        begun = time.monotonic()
        client.close()
        with pytest.raises(ClientClosed):
            call.result()
        assert time.monotonic() - begun < FIND_SECONDS - 0.5


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
