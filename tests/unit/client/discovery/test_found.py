"""What a client makes of an announcement, whoever sent it."""

from __future__ import annotations

import json
from ipaddress import ip_interface

import pytest

from edgeseg_client.discovery.found import FoundDaemon, read_daemon
from edgeseg_client.discovery.nearest import nearest_first, own_interfaces
from edgeseg_client.discovery.targets import write_targets

OWN = [ip_interface(each) for each in ("127.0.0.1/8", "192.168.1.9/24", "172.17.0.1/16", "::1/128")]


def read(name: str = "kitchen", port: int = 8460, **pairs: str) -> FoundDaemon:
    properties: dict[bytes, bytes | None] = {
        key.encode(): value.encode() for key, value in pairs.items()
    }
    found = read_daemon(name, ["10.0.0.2"], port, properties)
    assert found is not None
    return found


def test_an_announcement_is_read_as_the_daemon_wrote_it() -> None:
    found = read(
        version="0.9",
        models="a%2Cb/1,c/2",
        more_models="3",
        delegate="cpu",
        degraded="1",
        tls="mutual",
        metrics="9460",
    )
    assert found.address == "10.0.0.2:8460"
    assert found.metrics_address == "10.0.0.2:9460"
    assert (found.version, found.models, found.more_models) == ("0.9", ("a,b/1", "c/2"), 3)
    assert (found.delegate, found.degraded, found.tls) == ("cpu", True, "mutual")
    assert found.as_dict()["address"] == found.address


@pytest.mark.parametrize("metrics", ["", "x", "-1", "0", "65536", "²", "9" * 400])
def test_what_is_not_a_port_is_no_port(metrics: str) -> None:
    assert read(metrics=metrics).metrics_address is None


@pytest.mark.parametrize(("addresses", "port"), [([], 8460), (["10.0.0.2"], 0)])
def test_an_announcement_without_an_address_is_no_daemon(addresses: list[str], port: int) -> None:
    assert read_daemon("kitchen", addresses, port, {}) is None


def test_nothing_in_an_announcement_controls_the_terminal() -> None:
    found = read("kit\x1b[2Jchen", version="\x1b]0;x\x07", models="%1B[31m/1", delegate="a\nb")
    texts = [found.name, found.version, found.delegate, *found.models]
    assert all(text.isprintable() for text in texts)
    assert read_daemon("a", ["10.0.0.2"], 1, {b"\xff": b"\xff", b"models": None}) is not None


def test_the_nearest_address_comes_first_and_this_machines_own_last() -> None:
    found = ["2001:db8::5", "172.17.0.1", "10.0.0.5", "192.168.1.5"]
    order = ("192.168.1.5", "10.0.0.5", "2001:db8::5", "172.17.0.1")
    assert nearest_first(found, OWN) == order
    assert nearest_first(["127.0.0.1"], OWN) == ("127.0.0.1",)
    assert any(each.is_loopback for each in own_interfaces())


def test_targets_are_the_daemons_with_metrics() -> None:
    encrypted = read(metrics="9460", tls="server", models="a/1,b/2", version="0.9")
    groups = json.loads(write_targets([read("none"), encrypted]))
    assert groups == [
        {
            "targets": ["10.0.0.2:9460"],
            "labels": {
                "__scheme__": "https",
                "__meta_edgeseg_name": "kitchen",
                "__meta_edgeseg_address": "10.0.0.2:8460",
                "__meta_edgeseg_version": "0.9",
                "__meta_edgeseg_models": ",a/1,b/2,",
                "__meta_edgeseg_delegate": "",
                "__meta_edgeseg_degraded": "false",
                "__meta_edgeseg_tls": "server",
            },
        }
    ]
