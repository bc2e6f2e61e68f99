"""Whether a daemon can be announced is known before it starts."""

from __future__ import annotations

import sys

import pytest

from edgesegd.composition.announcement import Announcement
from edgesegd.config import Config
from edgesegd.core.errors import ConfigError
from edgesegd.serving.registry import ModelRegistry

REACHABLE = ("127.0.0.1:8460", "10.231.0.1:8461")


def announce(name: str, *listen: str) -> Announcement:
    return Announcement(Config(announce=name, listen=listen or REACHABLE), ModelRegistry())


@pytest.mark.parametrize("name", ["auto", "kitchen"])
def test_a_daemon_that_others_can_reach_can_be_announced(name: str) -> None:
    announce(name).changed()


@pytest.mark.parametrize("address", ["127.0.0.1:8460", "[::1]:1", "unix:///run/grpc.sock"])
def test_a_daemon_that_nobody_can_reach_is_not_announced(address: str) -> None:
    with pytest.raises(ConfigError, match="no other machine can reach"):
        announce("kitchen", address)
    announce("", address)


def test_a_name_that_cannot_be_announced_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"'board\.lan' has a dot"):
        announce("board.lan")


def test_without_zeroconf_only_an_announcement_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "edgesegd.discovery.announcer", raising=False)
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    announce("")
    with pytest.raises(ConfigError, match=r"needs zeroconf: pip install 'edgeseg\[discovery\]'"):
        announce("kitchen")


async def test_without_the_option_nothing_is_announced() -> None:
    nothing = announce("")
    nothing.start(["10.231.0.1:8461"], "")
    nothing.changed()
    await nothing.close()
