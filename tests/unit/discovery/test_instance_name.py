"""What a daemon may be called in its network."""

from __future__ import annotations

import socket

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.discovery.instance_name import check_instance_name, name_of_this_machine


@pytest.mark.parametrize("name", ["kitchen", "Küche 2", "k" * 60, "ä" * 30])
def test_a_name_is_up_to_60_bytes_of_text(name: str) -> None:
    assert check_instance_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "k" * 61, "ä" * 31, "board.lan", "a,b", "_edgeseg", "a\nb", "a\x1b[31m", " a", "\udc80"],
)
def test_what_cannot_be_announced_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="announced name"):
        check_instance_name(name)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("pi", "pi"),
        ("pi.lan", "pi"),
        ("localhost", "edgeseg"),
        ("", "edgeseg"),
        ("_x", "edgeseg"),
        ("h" * 64, "h" * 60),
    ],
)
def test_a_machine_without_a_usable_name_has_one(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert name_of_this_machine() == name
