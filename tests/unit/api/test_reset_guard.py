"""Who resets calls again and again is cut off, for a while, and nobody else."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address

import grpc
import grpc.aio
import pytest

from edgesegd.api import address_blocker
from edgesegd.api.address_blocker import AddressBlocker
from edgesegd.api.admission import Admission
from edgesegd.api.first_message import FirstMessages
from edgesegd.api.open_sockets import close_connections, connection_names, for_listeners
from edgesegd.api.packet_filter import drop_from, drop_nothing
from edgesegd.api.peer import address_of, socket_name
from edgesegd.api.reset_guard import RESETS_A_SECOND, RESETS_AT_ONCE, ResetGuard
from edgesegd.core.client import Client
from edgesegd.scheduling.fair_limit import FairLimit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters are the kernel's")

HOSTS = ["127.0.0.1", "::1"]
SOON = 0.2


@contextmanager
def listening(host: str, family: int | None = None) -> Iterator[socket.socket]:
    with socket.socket(family or (socket.AF_INET6 if ":" in host else socket.AF_INET)) as listener:
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, 0))
        listener.listen()
        yield listener


class Connection:
    """A connection from another address of this machine to a listener, and both its ends."""

    def __init__(self, listener: socket.socket, host: str) -> None:
        self.theirs = socket.create_connection((host, listener.getsockname()[1]), timeout=SOON)
        self.ours, name = listener.accept()
        self.ours.settimeout(SOON)
        host, port = name[0].removeprefix("::ffff:"), name[1]
        self.peer = f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"

    @property
    def client(self) -> Client:
        return self.peer.rpartition(":")[0], self.peer

    def passes(self) -> bool:
        """Whether what the other end sends arrives."""
        self.theirs.sendall(b"x")
        with suppress(TimeoutError):
            return self.ours.recv(1) == b"x"
        return False

    def close(self) -> None:
        self.theirs.close()
        self.ours.close()


@contextmanager
def connected(listener: socket.socket, host: str) -> Iterator[Connection]:
    connection = Connection(listener, host)
    try:
        yield connection
    finally:
        connection.close()


def accepts(listener: socket.socket, host: str) -> bool:
    with suppress(TimeoutError), connected(listener, host):
        return True
    return False


@pytest.mark.parametrize("host", HOSTS)
def test_the_connection_to_a_peer_is_found_while_it_is_open_and_closed(host: str) -> None:
    with listening(host) as listener, connected(listener, host) as one:
        with connected(listener, host) as other:
            assert {socket_name(one.peer), socket_name(other.peer)} <= connection_names()
            close_connections({socket_name(other.peer)})
            assert other.ours.recv(1) == b""
            assert one.passes()
        assert socket_name(other.peer) not in connection_names()
        assert socket_name(one.peer) in connection_names()


def test_a_peer_at_a_listener_of_both_kinds_is_found_by_its_ipv4_address() -> None:
    with listening("::", socket.AF_INET6) as listener, connected(listener, "127.0.0.1") as one:
        assert one.peer.startswith("ipv4:127.0.0.1:")
        assert socket_name(one.peer) in connection_names()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:41234", "10.0.0.7"),
        ("ipv6:%5B::1%5D:41234", "::1"),
        ("ipv6:[::ffff:10.0.0.7]:41234", "10.0.0.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:41234", "fe80::1"),
    ],
)
def test_the_address_of_a_peer_is_read_as_grpc_writes_it(peer: str, address: str) -> None:
    assert address_of(peer) == ip_address(address)


@pytest.mark.parametrize("host", HOSTS)
def test_only_what_comes_from_given_addresses_is_dropped(host: str) -> None:
    others = [ip_address(f"10.0.0.{number}") for number in range(20)]
    others += [ip_address(f"fe80::{number}") for number in range(10)]
    with listening("::", socket.AF_INET6) as listener:
        drop_from(listener, others)
        assert accepts(listener, host)
        drop_from(listener, [*others, ip_address(host)])
        assert not accepts(listener, host)
        assert all(accepts(listener, other) for other in HOSTS if other != host)
        drop_nothing(listener)
        assert accepts(listener, host)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_blocker, "BLOCK_SECONDS", 3 * SOON)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("host", HOSTS)
async def test_an_address_that_resets_too_often_is_cut_off_for_a_while(host: str) -> None:
    cut_off: list[None] = []
    with ExitStack() as stack:
        listener = stack.enter_context(listening("::", socket.AF_INET6))
        one, quiet = (stack.enter_context(connected(listener, host)) for _ in range(2))
        now = 0.0
        guard = ResetGuard(AddressBlocker(), lambda: cut_off.append(None), clock=lambda: now)
        for _ in range(RESETS_AT_ONCE):
            guard.on_reset(one.client)
        assert not cut_off
        assert one.passes()
        guard.on_reset(one.client)
        guard.on_reset(one.client)
        assert len(cut_off) == 1
        assert one.ours.recv(1) == b"", "it is closed"
        assert quiet.passes(), "it has reset nothing"
        assert not accepts(listener, host)
        assert all(accepts(listener, other) for other in HOSTS if other != host)
        for _ in range(100):
            guard.on_reset(one.client)  # those that gRPC still had
        await asyncio.sleep(4 * SOON)
        guard.on_reset(quiet.client)  # now and then anybody resets a call
        assert len(cut_off) == 1
        assert accepts(listener, host)
        assert quiet.passes()


async def slow(request: bytes, _context: object) -> bytes:
    await asyncio.sleep(3)
    return request


async def test_calls_that_wait_for_their_turn_when_their_time_is_over_are_no_resets() -> None:
    """As of a client with many calls at a time, while the daemon is busy."""
    cut_off: list[None] = []
    admission = Admission(
        limit=FairLimit(30, "calls"),
        first_messages=FirstMessages(5.0),
        large_messages=("/slow/",),
        on_call=lambda: None,
        on_reset=ResetGuard(AddressBlocker(), lambda: cut_off.append(None)).on_reset,
    )
    method = grpc.unary_unary_rpc_method_handler(
        slow, request_deserializer=bytes, response_serializer=bytes
    )
    server = grpc.aio.server(interceptors=[admission])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("slow", {"Do": method})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/slow/Do")
        calls = [call(bytes(1000), timeout=0.4) for _ in range(4 * RESETS_AT_ONCE)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, grpc.aio.AioRpcError) for each in ended)
    await server.stop(0)
    assert not cut_off


@contextmanager
def no_free_descriptor() -> Iterator[None]:
    """Until the end of the block this process has as many descriptors as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as opened:
        least = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
        resource.setrlimit(resource.RLIMIT_NOFILE, (least + 20, hard))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with suppress(OSError):
            while True:
                opened.enter_context(socket.socket())
        yield


@pytest.mark.parametrize("host", HOSTS)
def test_connections_are_found_and_closed_though_no_descriptor_is_free(host: str) -> None:
    with listening(host) as listener, connected(listener, host) as one, no_free_descriptor():
        with pytest.raises(OSError, match="Too many open files"):
            socket.socket()
        assert socket_name(one.peer) in connection_names()
        close_connections({socket_name(one.peer)})
        assert one.ours.recv(1) == b""


async def test_an_address_is_blocked_and_admitted_again_though_no_descriptor_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(address_blocker, "BLOCK_SECONDS", SOON)
    monkeypatch.setattr(address_blocker, "AGAIN_SECONDS", 60.0)
    with listening("127.0.0.1") as listener:
        with no_free_descriptor():
            AddressBlocker().block(ip_address("127.0.0.1"))
        assert not accepts(listener, "127.0.0.1")
        with no_free_descriptor():
            await asyncio.sleep(2 * SOON)
        assert accepts(listener, "127.0.0.1")


async def test_an_address_is_admitted_again_though_the_sockets_cannot_be_listed_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(address_blocker, "BLOCK_SECONDS", SOON)
    monkeypatch.setattr(address_blocker, "AGAIN_SECONDS", SOON)
    guard, client = (
        ResetGuard(AddressBlocker(), lambda: None),
        ("ipv4:127.0.0.1", "ipv4:127.0.0.1:9"),
    )
    with listening("127.0.0.1") as listener:
        for _ in range(2 * RESETS_AT_ONCE):
            guard.on_reset(client)
        assert not accepts(listener, "127.0.0.1")
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
        try:
            await asyncio.sleep(2 * SOON)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        assert not accepts(listener, "127.0.0.1")
        await asyncio.sleep(2 * SOON)
        assert accepts(listener, "127.0.0.1")


async def test_a_client_that_resets_now_and_then_is_not_cut_off() -> None:
    cut_off: list[None] = []
    now = 0.0
    guard = ResetGuard(AddressBlocker(), lambda: cut_off.append(None), clock=lambda: now)
    for _ in range(10 * RESETS_AT_ONCE):
        guard.on_reset(("ipv4:10.0.0.7", "ipv4:10.0.0.7:41234"))
        now += 1 / RESETS_A_SECOND
    for _ in range(10 * RESETS_AT_ONCE):
        guard.on_reset(("unix:/run/edgesegd.sock",))
    assert not cut_off


async def test_a_connection_that_has_ended_costs_nothing_but_its_address() -> None:
    cut_off: list[None] = []
    guard = ResetGuard(AddressBlocker(), lambda: cut_off.append(None), clock=lambda: 0.0)
    for _ in range(2 * RESETS_AT_ONCE):
        guard.on_reset(("ipv4:127.0.0.99", "ipv4:127.0.0.99:9"))
    assert len(cut_off) == 1
    for_listeners(drop_nothing)
