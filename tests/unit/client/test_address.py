"""Addresses: each kind of wrong address is an error of its own, at once."""

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from edgeseg.v1.segmentation_pb2_grpc import add_SegmentationServiceServicer_to_server
from edgeseg_client import Client, InvalidRequest, Unavailable, WrongAddress
from edgeseg_client.backoff import Backoff

from .scripted_daemon import GOOD, Script


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test whose call is tried again."""

    def delay(*_: object, **__: object) -> float:
        raise AssertionError("tried again")

    monkeypatch.setattr(Backoff, "delay", delay)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://board:8460", "begins with http://; write only HOST:PORT"),
        ("https://board:8460", "give certificates"),
        ("grpc://board:8460", "begins with grpc://"),
        ("tcp://board:8460/", "begins with tcp://"),
        ("board:0", "no port from 1 to 65535"),
        ("board:65536", "no port from 1 to 65535"),
        ("board:" + "9" * 5000, "no port from 1 to 65535"),
        ("board:\uff18\uff14", "no port; write"),
        ("ipv4:127.0.0.1:70000", "no port from 1 to 65535"),
        ("bo\0ard:8460", "contains white space or a character"),
        ("bo ard:8460", "contains white space or a character"),
        ("board:8460\n", "contains white space or a character"),
        ("\udcff:8460", "contains white space or a character"),
        ("::1:8460", r"write \[::1\]:8460"),
        ("[::1:8460", "no valid host"),
        ("me@board:8460", "no valid host"),
        ("board/path:8460", "no valid host"),
        ("a..local:8460", "is not a valid name"),
        ("x" * 300 + ".local:8460", "is not a valid name"),
        ("unix:", "no path; write unix:///PATH"),
        ("unix://", "no path"),
        ("unix://host/path", "no path"),
        ("unix:///tmp/a\0b", "no path"),
        ("unix:///tmp/" + "x" * 103, "has 108 bytes; at most 107"),
    ],
)
def test_an_address_that_is_not_valid_is_an_error_at_once(address: str, message: str) -> None:
    with Client(address) as client:
        with pytest.raises(InvalidRequest, match=message):
            client.info()
        with pytest.raises(InvalidRequest, match=message):
            client.segment(GOOD)
        with pytest.raises(InvalidRequest, match=message):
            list(client.stream([GOOD]))


@pytest.fixture
def server() -> Iterator[grpc.Server]:
    server = grpc.server(ThreadPoolExecutor(4))
    add_SegmentationServiceServicer_to_server(Script(), server)
    yield server
    server.stop(None).wait()


def test_a_file_that_is_no_socket_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        Client(f"unix://{tmp_path}/file") as client,
        pytest.raises(WrongAddress, match="is not a socket"),
    ):
        client.info()


@pytest.mark.parametrize("name", ["grpc.sock", "a b", "a%20b", "a?b", "a#b", "ä", b"\xff"])
@pytest.mark.parametrize("scheme", ["unix:", "unix://"])
def test_a_socket_may_have_any_name(
    server: grpc.Server, tmp_path: Path, name: str | bytes, scheme: str
) -> None:
    server.add_insecure_port(f"unix:{tmp_path}/made")
    server.start()
    path = tmp_path / os.fsdecode(name)
    (tmp_path / "made").rename(path)

    with Client(f"{scheme}{path}") as client:
        assert client.segment(GOOD).model == "toy"


def link_local() -> str:
    """An address of this machine that needs its interface, as NUMBER%INTERFACE."""
    table = Path("/proc/net/if_inet6")
    for line in table.read_text().splitlines() if table.exists() else []:
        number, _, _, scope, _, interface = line.split()
        if scope == "20":
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(number))}%{interface}"
    pytest.skip("no interface has a link-local IPv6 address; ip -6 addr add fe80::1/64 dev lo")


def test_a_name_with_only_a_link_local_address_is_reached_through_its_interface(
    server: grpc.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, address = socket.getaddrinfo, link_local()

    def lookup(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        return known(address if host == "board.local" else host, *arguments, **options)

    port = server.add_insecure_port("[::]:0")
    server.start()
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    for host in ("board.local", f"[{address}]"):
        with Client(f"{host}:{port}") as client:
            assert client.segment(GOOD).model == "toy"


@pytest.mark.parametrize("address", ["dns:///127.0.0.1", "ipv4:127.0.0.1", "127.0.0.1"])
def test_addresses_with_the_schemes_of_grpc_work(server: grpc.Server, address: str) -> None:
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    with Client(f"{address}:{port}") as client:
        assert client.segment(GOOD).model == "toy"


def test_a_server_of_http_1_is_an_error_at_once_that_names_the_metrics() -> None:
    """The daemon's port for Prometheus is such a server."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Client(f"127.0.0.1:{server.server_port}") as client:
                with pytest.raises(WrongAddress, match="metrics"):
                    client.segment(GOOD)
                with pytest.raises(WrongAddress, match="metrics"):
                    list(client.stream([GOOD]))
        finally:
            server.shutdown()
            thread.join()


def test_a_wrong_address_is_caught_as_unavailable_too() -> None:
    assert issubclass(WrongAddress, Unavailable)


@pytest.mark.parametrize("token", ["secret\n", "sec\0ret", "sécret", "\udcff", "a\tb"])
def test_a_token_that_cannot_be_sent_is_an_error_before_any_call(token: str) -> None:
    with pytest.raises(InvalidRequest, match="token has a line break or another") as caught:
        Client("127.0.0.1:1", token=token)
    assert token not in str(caught.value)
    with pytest.raises(InvalidRequest, match="the token is a str, not bytes"):
        Client("127.0.0.1:1", token=b"secret")  # type: ignore[arg-type]
