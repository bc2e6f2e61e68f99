"""A scripted daemon, and clients for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from edgeseg_client import AsyncClient, Client

from .scripted_daemon import Script, ScriptedDaemon


@pytest.fixture
def daemon() -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    daemon.start()
    yield daemon
    daemon.kill()


@pytest.fixture
def script(daemon: ScriptedDaemon) -> Script:
    return daemon.script


@pytest.fixture
def client(daemon: ScriptedDaemon) -> Iterator[Client]:
    with Client(daemon.address, retry_for=20) as client:
        yield client


@pytest.fixture
async def async_client(daemon: ScriptedDaemon) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(daemon.address, retry_for=20) as client:
        yield client
