"""Which user of this machine a client is."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

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


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  inode\n"
ROW = " 0: {local}:A1B2 0100007F:0050 {state} 00000000:00000000 00:00000000 00000000 {user} 0 5\n"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("01", 1000)], 1000),
        ([("01", 1000), ("01", 1000)], 1000),
        ([("01", 1000), ("01", 1001)], UNKNOWN),
        ([("01", 1001), ("08", 1000)], UNKNOWN),
        ([("01", 1000), ("06", 0), ("0A", 1001)], 1000),
        ([("06", 0)], UNKNOWN),
    ],
    ids=["one", "twice", "two", "half closed", "of nobody", "only of nobody"],
)
def test_where_sockets_of_two_users_have_the_address_it_is_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, int]], found: int
) -> None:
    """A user may take another user's port after half closing that user's connection."""
    local = "0100007F" if sys.byteorder == "little" else "7F000001"
    lines = [ROW.format(local=local, state=state, user=user) for state, user in rows]
    for name, content in (("TCP", "".join([HEAD, *lines])), ("TCP6", HEAD)):
        (tmp_path / name).write_text(content)
        monkeypatch.setattr(f"edgesegd.api.peer_user.{name}", tmp_path / name)
    assert user_of(client_of(f"ipv4:127.0.0.1:{0xA1B2}")) == found


@pytest.mark.parametrize(
    "peer",
    [
        "unix:",
        "ipv4:127.0.0.1:1",
        "ipv4:10.0.0.7:41234",
        "ipv6:[fe80::1%2]:5",
        "vsock:3:4",
        "",
        "x",
    ],
)
def test_who_has_no_connection_here_is_unknown(peer: str) -> None:
    assert user_of(client_of(peer)) == UNKNOWN
