"""At which port and addresses other machines can reach a daemon."""

from __future__ import annotations

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.discovery.own_addresses import own_addresses
from edgesegd.discovery.reachable import Listening, listening

OWN = ["127.0.0.1", "::1", "192.168.1.5", "172.17.0.1", "fe80::1", "2001:db8::5"]


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("0.0.0.0", ("172.17.0.1", "192.168.1.5")),  # noqa: S104 # not listened on
        ("[::]", ("172.17.0.1", "192.168.1.5", "2001:db8::5")),
        ("192.168.1.5", ("192.168.1.5",)),
        ("192.168.1.6", ()),
        ("[2001:db8::5]", ("2001:db8::5",)),
        ("[fe80::1%1]", ()),
        ("nobody.invalid", ()),
    ],
)
def test_a_host_stands_for_the_addresses_that_others_can_use(
    host: str, wanted: tuple[str, ...]
) -> None:
    found = listening([f"{host}:8460"])
    assert found is not None
    assert found.addresses(OWN) == wanted


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1:8460"], ["localhost:1", "[::1]:2", "unix:///run/grpc.sock"]]
)
def test_what_only_this_machine_can_reach_is_not_announced(addresses: list[str]) -> None:
    assert listening(addresses) is None


def test_the_port_is_that_of_the_first_address_that_others_can_reach() -> None:
    found = listening(["127.0.0.1:1", "10.0.0.1:2", "10.0.0.2:3", "[2001:db8::5]:2"])
    assert found == Listening(2, ("10.0.0.1", "2001:db8::5"))


@pytest.mark.parametrize(
    ("metrics", "covers"),
    [("0.0.0.0:9460", True), ("192.168.1.5:9460", True), ("172.17.0.1:9460", False)],
)
def test_metrics_are_announced_if_they_are_where_the_daemon_is(metrics: str, covers: bool) -> None:
    where = listening([metrics])
    assert where is not None
    assert where.covers(Listening(8460, ("192.168.1.5",)), OWN) is covers


def test_a_malformed_address_is_an_error() -> None:
    with pytest.raises(ConfigError, match="not a valid address"):
        listening(["board"])


def test_this_machine_has_loopback() -> None:
    assert "127.0.0.1" in own_addresses()
