"""How a client is identified."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from edgesegd.api.peer import certificate_name, client_of, is_on_this_machine, local_client


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:10.0.0.7:41234", ("ipv4:10.0.0.7", "ipv4:10.0.0.7:41234")),
        ("ipv6:[fe80::1%2]:41234", ("ipv6:[fe80::1%2]", "ipv6:[fe80::1%2]:41234")),
        ("ipv6:%5B::1%5D:41234", ("ipv6:%5B::1%5D", "ipv6:%5B::1%5D:41234")),
        ("unix:", ("unix:",)),
        ("unix:/run/x:y", ("unix:/run/x:y",)),
        ("", ("",)),
    ],
)
def test_a_client_is_an_address_and_one_of_its_connections(
    peer: str, client: tuple[str, ...]
) -> None:
    assert client_of(peer) == client


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("unix:", True),
        ("unix:/run/x", True),
        ("ipv4:127.0.0.1:41234", True),
        ("ipv4:127.5.0.1:41234", True),
        ("ipv6:%5B::1%5D:41234", True),
        ("ipv6:[::1]:41234", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:41234", True),
        ("ipv4:10.0.0.7:41234", False),
        ("ipv4:10.127.0.1:127", False),
        ("ipv6:[::1%2]:41234", False),
        ("ipv6:[fe80::1]:41234", False),
        ("vsock:3:41234", False),
        ("", False),
    ],
)
def test_only_a_loopback_or_a_unix_socket_is_on_this_machine(peer: str, here: bool) -> None:
    assert is_on_this_machine(client_of(peer)) == here


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_at_a_unix_socket_of_our_own_a_client_is_a_process() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert local_client(ours) == (f"process {os.getpid()}",)
    assert local_client(ours) == ("unix:",), "it is gone"


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ({}, ""),
        ({"transport_security_type": [b"ssl"]}, ""),
        ({"x509_common_name": [b"robot"], "x509_subject_alternative_name": [b"a", b"b"]}, "robot"),
        ({"x509_subject_alternative_name": [b"robot.local", b"10.0.0.7"]}, "robot.local"),
        ({"x509_common_name": ["Küche".encode()]}, "Küche"),
        ({"x509_common_name": [b"\xff"]}, "\\xff"),
    ],
)
def test_a_client_is_named_by_its_certificate(shown: dict[str, list[bytes]], name: str) -> None:
    assert certificate_name(shown) == name
