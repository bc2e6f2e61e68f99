"""Addresses of the gRPC server."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from edgesegd.core.errors import CannotListen, ConfigError
from edgesegd.edges.listening import is_loopback, listen, split_address


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    server = new_server()
    yield server
    await server.stop(None)


def new_server() -> grpc.aio.Server:
    return grpc.aio.server(options=[("grpc.so_reuseport", 0)])


def answers(address: str) -> bool:
    """Whether someone accepts connections there."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(address.removeprefix("unix://")) == 0
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
        return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104 # meant
async def test_port_0_becomes_a_free_port(server: grpc.aio.Server, host: str) -> None:
    addresses = {listen(server, f"{host}:0"), listen(server, f"{host}:0")}
    await server.start()
    assert len(addresses) == 2
    for address in addresses:
        found, _, port = address.rpartition(":")
        assert found == host
        assert int(port) > 0
        assert answers(address)


async def test_the_server_listens_on_ipv6(server: grpc.aio.Server) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6: enable it on its loopback interface")
    address = listen(server, "[::1]:0")
    await server.start()
    assert address.startswith("[::1]:")
    assert answers(address)


async def test_the_server_listens_on_a_unix_socket(server: grpc.aio.Server, tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/edgesegd.sock"
    assert listen(server, address) == address
    await server.start()
    assert answers(address)


async def test_the_socket_of_a_daemon_that_died_is_replaced(
    server: grpc.aio.Server, tmp_path: Path
) -> None:
    left = tmp_path / "edgesegd.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(left))
    address = listen(server, f"unix://{left}")
    await server.start()
    assert answers(address)


@pytest.mark.parametrize(
    "address",
    ["", "8460", "localhost", "localhost:", ":8460", "host:port", "host:65536", "host:-1"],
)
async def test_what_is_no_address_is_refused(server: grpc.aio.Server, address: str) -> None:
    with pytest.raises(ConfigError, match="write HOST:PORT or unix:///PATH"):
        listen(server, address)


async def test_a_port_in_use_is_refused_with_the_option_to_change(server: grpc.aio.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CannotListen, match=f"cannot listen on {address}: .*--listen"):
            listen(server, address)
    assert listen(server, "127.0.0.1:0")


@pytest.mark.parametrize("address", ["192.0.2.1:0", "unix:///no/such/dir/s"])
async def test_an_address_that_this_machine_does_not_have_is_refused(
    server: grpc.aio.Server, address: str
) -> None:
    with pytest.raises(CannotListen):
        listen(server, address)


async def test_a_unix_socket_in_use_is_refused_and_goes_on_answering(
    server: grpc.aio.Server, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path}/edgesegd.sock"
    listen(server, address)
    await server.start()
    second = new_server()
    try:
        with pytest.raises(CannotListen, match="choose another"):
            listen(second, address)
    finally:
        await second.stop(None)
    assert answers(address), "the first one is still reached"


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("board.local:9460", "board.local", 9460),
        ("[::1]:0", "[::1]", 0),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
    ],
)
def test_an_address_is_split_into_host_and_port(address: str, host: str, port: int) -> None:
    assert split_address(address) == (host, port)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8460", "127.8.8.8:1", "localhost:8460", "[::1]:8460", "unix:///run/edgesegd"],
)
def test_addresses_of_this_machine_are_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8460", "[::]:8460", "192.168.0.7:8460", "board.local:8460", "[fe80::1]:1"]
)
def test_addresses_that_others_reach_are_not_loopback(address: str) -> None:
    assert not is_loopback(address)
