"""Notifications to systemd, over a real datagram socket."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from edgesegd.observability.sd_notify import Notifier


def heard(address: str, name: str) -> list[bytes]:
    """Two states as someone bound to `address`, called `name` in the variable, hears them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        service_manager.bind(address)
        service_manager.setblocking(False)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.notify("READY=1")
        notifier.notify("STOPPING=1\nSTATUS=übrig")
        return [service_manager.recv(1000), service_manager.recv(1000)]


def test_states_reach_systemd_as_datagrams(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    assert heard(path, path) == [b"READY=1", "STOPPING=1\nSTATUS=übrig".encode()]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets exist on Linux only")
def test_the_name_of_an_abstract_notify_socket_begins_with_an_at_sign() -> None:
    name = f"edgeseg-test-{os.getpid()}"
    assert heard(f"\0{name}", f"@{name}")[0] == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_systemd_no_notify_socket_is_opened(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    notifier, opened = Notifier(environ), list[object]()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", lambda *arguments: opened.append(arguments))
        notifier.notify("READY=1")
    assert not opened


def test_a_service_manager_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).notify("READY=1")
    Notifier({"NOTIFY_SOCKET": "/" + "long" * 100}).notify("READY=1")
    assert not list(tmp_path.iterdir())
