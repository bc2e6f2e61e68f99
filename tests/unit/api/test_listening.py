"""Addresses of the gRPC server."""

from __future__ import annotations

import codecs
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import grpc.aio
import pytest

from edgesegd.api.listening import listen
from edgesegd.board.addresses import is_loopback, resolve, split_address
from edgesegd.core.errors import CannotListen, ConfigError


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


@pytest.fixture
def ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6: enable it on its loopback interface")


@pytest.mark.usefixtures("ipv6")
async def test_the_server_listens_on_ipv6(server: grpc.aio.Server) -> None:
    address = listen(server, "[::1]:0")
    await server.start()
    assert address.startswith("[::1]:")
    assert answers(address)


@pytest.mark.usefixtures("ipv6")
async def test_an_address_with_its_interface(server: grpc.aio.Server, scoped_address: str) -> None:
    host = scoped_address
    address = listen(server, f"[{host}]:0")
    await server.start()
    assert address.startswith(f"[{host}]:")
    assert answers(address)
    (found,) = resolve(f"[{host}]", 1)
    assert found.sockaddr == (
        host.partition("%")[0],
        1,
        0,
        socket.if_nametoindex(host.partition("%")[2]),
    )


@pytest.mark.parametrize("name", ["a%20b c", "a%", "\u00e4"])
async def test_a_path_is_taken_as_it_is(server: grpc.aio.Server, tmp_path: Path, name: str) -> None:
    listen(server, f"unix://{tmp_path}/{name}")
    await server.start()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert answers(f"unix://{tmp_path}/{name}")


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


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://0.0.0.0:8460", "it cannot begin with https://"),
        ("dns:///localhost:8460", "it cannot begin with dns://"),
        ("unix:run/edgesegd.sock", "a path begins with a slash"),
        ("unix://run/edgesegd.sock", "a path begins with a slash"),
        ("local host:1", "a host has no spaces"),
        (" 127.0.0.1:1", "a host has no spaces"),
        ("127.0.0.1: 1", "' 1' is not a port"),
        ("127.0.0.1:1\0", "is not a port"),
        ("127.0.0.1\0:1", "a host has no spaces"),
        ("127.0.0.1/x:1", "a host has no spaces, slashes"),
        ("::1:8460", r"needs brackets, as in \[::1\]:8460"),
        ("127.0.0.1:99999", "the largest port is 65535"),
        ("127.0.0.1:" + "9" * 5000, "is not a port"),
        ("[]:1", "it has no host"),
        ("9460", "it has no host"),
        ("127.0.0.1", "it has no port"),
        ("[::1]", "it has no port"),
        ("board-1.local", "it has no port"),
        ("127.0.0.1:\N{ARABIC-INDIC DIGIT ONE}", "is not a port"),
    ],
)
def test_the_error_for_an_address_names_what_is_wrong_with_it(address: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        split_address(address)


async def test_an_invalid_host_name_is_an_error(server: grpc.aio.Server) -> None:
    with pytest.raises(ConfigError, match="is not a valid host name"):
        listen(server, "a..b:0")
    with pytest.raises(CannotListen, match=r"nobody\.invalid is not known here"):
        listen(server, "nobody.invalid:0")


@pytest.fixture
def _two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is both, IPv6 first, as on most machines, whatever /etc/hosts says."""
    real = socket.getaddrinfo

    def both(host: str, port: int, *rest: int, **more: int) -> list[object]:
        hosts = ("::1", "127.0.0.1") if host == "localhost" else (host,)
        return [each for host in hosts for each in real(host, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", both)


@pytest.mark.usefixtures("ipv6", "_two_addresses")
async def test_a_name_is_all_of_its_addresses_with_one_port(server: grpc.aio.Server) -> None:
    address = listen(server, "localhost:0")
    await server.start()
    port = address.rpartition(":")[2]
    assert answers(f"127.0.0.1:{port}")
    assert answers(f"[::1]:{port}")


@pytest.mark.usefixtures("ipv6", "_two_addresses")
async def test_a_name_that_is_taken_on_one_address_is_taken(server: grpc.aio.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        reason = (
            f"cannot listen on localhost:{port}: port {port} of 127.0.0.1 is in use; .*--listen"
        )
        with pytest.raises(CannotListen, match=reason):
            listen(server, f"localhost:{port}")
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        pass
    assert listen(server, f"localhost:{port}") == f"localhost:{port}"


@pytest.mark.usefixtures("_two_addresses")
async def test_a_family_that_the_machine_does_not_have_is_left_out(
    server: grpc.aio.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    address = listen(server, "localhost:0")
    monkeypatch.undo()
    await server.start()
    assert answers("127.0.0.1:" + address.rpartition(":")[2])


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
    with pytest.raises(CannotListen, match=r"is not an address of this machine|no such folder"):
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


def folder(path: Path) -> None:
    path.mkdir()


def file(path: Path) -> None:
    path.write_text("important")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("lay", [folder, file, dangling])
async def test_a_file_at_the_path_of_a_socket_is_not_removed(
    server: grpc.aio.Server, tmp_path: Path, lay: Callable[[Path], None]
) -> None:
    path = tmp_path / "edgesegd.sock"
    lay(path)
    with pytest.raises(CannotListen, match="the path exists and is not a socket"):
        listen(server, f"unix://{path}")
    assert path.lstat()


async def test_a_socket_of_another_kind_stays(server: grpc.aio.Server, tmp_path: Path) -> None:
    path = tmp_path / "edgesegd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        with pytest.raises(CannotListen, match="there is a socket of another kind"):
            listen(server, f"unix://{path}")
    assert path.is_socket()


async def test_the_error_says_why_there_can_be_no_socket(
    server: grpc.aio.Server, tmp_path: Path
) -> None:
    file(tmp_path / "file")
    for path, reason in (
        ("/no/such/dir/s", "there is no such folder"),
        (f"{tmp_path}/file/s", "a part of its path is not a folder"),
        ("/tmp/" + "x" * 103, "its path has 108 bytes; the path of a socket has at most 107"),  # noqa: S108
    ):
        with pytest.raises(CannotListen, match=reason):
            listen(server, f"unix://{path}")
    with pytest.raises(ConfigError, match="not UTF-8"):
        listen(server, os.fsdecode(b"unix:///tmp/\xe4"))


@pytest.fixture
def _as_nobody() -> Iterator[None]:
    """Without what root may do."""
    root = os.geteuid() == 0
    if root:
        # One that cannot be imported then would be missing to all tests that follow.
        for codec in ("ascii", "idna", "utf-8"):
            codecs.lookup(codec)
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.usefixtures("_as_nobody")
async def test_an_address_that_this_user_may_not_use_is_an_error(server: grpc.aio.Server) -> None:
    with pytest.raises(CannotListen, match="this user may not create a socket there"):
        listen(server, "unix:///edgesegd.sock")
    start = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if start.exists() and int(start.read_text(encoding="ascii")) > 1:
        with pytest.raises(CannotListen, match="this user may not use ports below 1024"):
            listen(server, "127.0.0.1:1")


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
