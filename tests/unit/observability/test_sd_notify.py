"""Notifications to systemd, over a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from edgesegd.observability.sd_notify import Notifier


def heard(address: str, name: str) -> list[bytes]:
    """Two states as someone bound to `address`, called `name` in the variable, hears them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        service_manager.bind(address)
        service_manager.setblocking(False)
        with closing(Notifier({"NOTIFY_SOCKET": name})) as notifier:
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


async def told(environ: dict[str, str], *, block_after: int = 0) -> list[str]:
    """What a service manager hears in half a second.

    With `block_after`, the event loop hangs for the rest of the time after as many states.
    """
    address = f"\0edgeseg-test-{os.getpid()}"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager,
        closing(Notifier({**environ, "NOTIFY_SOCKET": f"@{address[1:]}"})) as notifier,
    ):
        service_manager.bind(address)
        service_manager.setblocking(False)
        reporting = asyncio.create_task(notifier.report(lambda: "well"))
        loop, heard = asyncio.get_running_loop(), list[str]()
        try:
            async with asyncio.timeout(0.5):
                while True:
                    state = (await loop.sock_recv(service_manager, 1000)).decode()
                    heard.append(state)
                    if len(heard) == block_after:
                        time.sleep(0.5)
                        while (more := service_manager.recv(1000)) is not None:
                            heard.append(more.decode())
        except (TimeoutError, BlockingIOError):
            return heard
        finally:
            reporting.cancel()
    raise AssertionError


async def test_the_watchdog_is_fed_several_times_within_its_time() -> None:
    heard = await told({"WATCHDOG_USEC": "200000", "WATCHDOG_PID": str(os.getpid())})
    assert len(heard) > 4
    assert set(heard) == {"WATCHDOG=1\nSTATUS=well"}


async def test_the_watchdog_is_fed_while_no_descriptor_is_free() -> None:
    """As when clients have taken them all: the daemon goes on, and is not to be killed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asyncio.get_running_loop().call_later(
        0.1, resource.setrlimit, resource.RLIMIT_NOFILE, (0, hard)
    )
    try:
        heard = await told({"WATCHDOG_USEC": "200000"})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(heard) > 4


async def test_an_event_loop_that_hangs_feeds_no_watchdog() -> None:
    heard = await told({"WATCHDOG_USEC": "200000"}, block_after=2)
    assert len(heard) == 2


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}]
)
async def test_without_a_watchdog_there_is_a_status_only(environ: dict[str, str]) -> None:
    assert await told(environ) == ["STATUS=well"]


async def test_without_systemd_there_is_no_report() -> None:
    await Notifier({"WATCHDOG_USEC": "200000"}).report(lambda: pytest.fail("was asked"))


def test_a_service_manager_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    for name in (str(tmp_path / "gone"), "/" + "long" * 100):
        with closing(Notifier({"NOTIFY_SOCKET": name})) as notifier:
            notifier.notify("READY=1")
    assert not list(tmp_path.iterdir())


async def test_a_status_that_cannot_be_described_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        closing(Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})) as notifier,
        pytest.raises(ZeroDivisionError),
    ):
        await notifier.report(lambda: str(1 // 0))
    assert "the watchdog is fed no more" in caplog.text
    assert "ZeroDivisionError" in caplog.text
