"""Which user of this machine a client is."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from edgesegd.api.peer import client_of
from edgesegd.api.peer_user import UNKNOWN, user_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
NOBODY = 65534


@pytest.mark.parametrize(
    ("family", "host", "shown"),
    [
        (socket.AF_INET, "127.0.0.1", "ipv4:127.0.0.1"),
        (socket.AF_INET, "127.0.0.1", "ipv6:%5B::ffff:127.0.0.1%5D"),
        (socket.AF_INET, "127.0.0.5", "ipv4:127.0.0.5"),
        (socket.AF_INET6, "::1", "ipv6:%5B::1%5D"),
    ],
)
def test_a_tcp_client_of_this_machine_is_the_user_that_made_its_socket(
    family: socket.AddressFamily, host: str, shown: str
) -> None:
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        # On 127.0.0.5 the client is on 127.0.0.1.
        port = client.getsockname()[1]
        address = shown if host != "127.0.0.5" else f"ipv4:{client.getsockname()[0]}"
        assert user_of(client_of(f"{address}:{port}")) == os.geteuid()


def test_another_user_is_found_to_be_another() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user for a while; run the tests as root")
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.seteuid(NOBODY)
        try:
            client = socket.create_connection(server.getsockname())
        finally:
            os.seteuid(0)
        with client:
            assert user_of(client_of(f"ipv4:127.0.0.1:{client.getsockname()[1]}")) == NOBODY


def test_at_a_unix_socket_it_is_taken_for_the_daemons_own() -> None:
    assert user_of(client_of("unix:")) == os.geteuid()


@pytest.mark.parametrize(
    "peer", ["ipv4:127.0.0.1:1", "ipv4:10.0.0.7:41234", "ipv6:[fe80::1%2]:5", "vsock:3:4", "", "x"]
)
def test_who_has_no_connection_here_is_unknown(peer: str) -> None:
    assert user_of(client_of(peer)) == UNKNOWN
