"""Which clients may register, see and use which region."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesegd.api.oip.shared_memory import (
    MIN_COUNTED,
    NoSharedMemory,
    Registration,
    SharedMemory,
)
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    InvalidOptions,
    Overloaded,
    RegionExists,
    Unimplemented,
    UnknownRegion,
)
from edgesegd.scheduling.fair_limit import FairLimit

LOCAL: Client = ("ipv4:127.0.0.1", "ipv4:127.0.0.1:1")
SAME_ADDRESS: Client = ("ipv4:127.0.0.1", "ipv4:127.0.0.1:2")
OTHER: Client = ("unix:",)
REMOTE: Client = ("ipv4:10.0.0.7", "ipv4:10.0.0.7:1")


@pytest.fixture
def registration() -> Iterator[Registration]:
    path = Path("/dev/shm", f"edgeseg-test-{secrets.token_hex(6)}")  # noqa: S108 # where they are
    path.write_bytes(bytes(100))
    yield Registration("mine", f"/{path.name}", 0, 100)
    path.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients have no connections; they are this user's all the same."""
    monkeypatch.setattr("edgesegd.api.peer_user.user_of", lambda _: os.geteuid())


def shared_memory(most: int = 12) -> SharedMemory:
    return SharedMemory(FairLimit(most * MIN_COUNTED, "bytes"))


async def test_a_region_belongs_to_an_address_and_its_connections(
    registration: Registration,
) -> None:
    memory = shared_memory()
    memory.register(LOCAL, registration)
    assert memory.find(SAME_ADDRESS, "mine").size == 100
    assert memory.registered(SAME_ADDRESS, "") == [registration]
    assert memory.registered(OTHER, "") == []
    with pytest.raises(UnknownRegion):
        memory.find(OTHER, "mine")
    memory.unregister(OTHER, "")
    memory.register(OTHER, registration)
    with pytest.raises(RegionExists):
        memory.register(SAME_ADDRESS, registration)
    memory.unregister(OTHER, "mine")
    assert memory.find(LOCAL, "mine").size == 100


async def test_a_region_belongs_to_the_user_that_registered_it(
    registration: Registration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All users of a machine have the same address."""
    memory = shared_memory()
    memory.register(LOCAL, registration)
    own, other = os.geteuid(), os.geteuid() + 1
    users = {LOCAL: own, SAME_ADDRESS: other}
    monkeypatch.setattr("edgesegd.api.peer_user.user_of", users.__getitem__)
    with pytest.raises(UnknownRegion):
        memory.find(SAME_ADDRESS, "mine")
    assert memory.registered(SAME_ADDRESS, "") == []
    memory.unregister(SAME_ADDRESS, "")
    assert memory.find(LOCAL, "mine").size == 100


async def test_memory_that_is_registered_counts_by_its_bytes(registration: Registration) -> None:
    memory, path = shared_memory(12), Path("/dev/shm", registration.key[1:])  # noqa: S108 # as above
    size = 13 * MIN_COUNTED
    os.truncate(path, size)
    with pytest.raises(Overloaded):
        memory.register(LOCAL, registration._replace(size=size))
    memory.register(LOCAL, registration._replace(size=12 * MIN_COUNTED))
    memory.unregister(LOCAL, "mine")
    memory.register(LOCAL, registration)


async def test_clients_elsewhere_cannot_name_memory_of_this_machine(
    registration: Registration,
) -> None:
    with pytest.raises(InvalidOptions, match="own machine"):
        shared_memory().register(REMOTE, registration)


@pytest.mark.parametrize(("mode", "writable"), [(0o604, False), (0o606, True)])
async def test_another_user_may_do_what_its_mode_lets_others_do(
    registration: Registration, monkeypatch: pytest.MonkeyPatch, mode: int, writable: bool
) -> None:
    memory, path = shared_memory(), Path("/dev/shm", registration.key[1:])  # noqa: S108 # as above
    monkeypatch.setattr("edgesegd.api.peer_user.user_of", lambda _: os.geteuid() + 1)
    for private in (0o600, 0o640, 0o602):
        path.chmod(private)
        with pytest.raises(InvalidOptions, match="belongs to another user"):
            memory.register(LOCAL, registration)
    path.chmod(mode)
    memory.register(LOCAL, registration)
    assert memory.find(LOCAL, "mine").writable == writable


async def test_a_region_without_a_name_is_refused(registration: Registration) -> None:
    with pytest.raises(InvalidOptions, match="needs a name"):
        shared_memory().register(LOCAL, registration._replace(name=""))


async def test_what_is_forgotten_makes_room(registration: Registration) -> None:
    memory = shared_memory(3)
    memory.register(LOCAL, registration)
    with pytest.raises(Overloaded):
        memory.register(LOCAL, registration._replace(name="another"))
    memory.unregister(LOCAL, "")
    memory.register(LOCAL, registration._replace(name="another"))
    assert [each.name for each in memory.registered(LOCAL, "")] == ["another"]


async def test_if_shared_memory_is_not_allowed_each_error_says_how_to_allow_it(
    registration: Registration,
) -> None:
    memory = NoSharedMemory()
    for call in (
        lambda: memory.register(LOCAL, registration),
        lambda: memory.unregister(LOCAL, ""),
        lambda: memory.registered(LOCAL, ""),
        lambda: memory.find(LOCAL, "mine"),
    ):
        with pytest.raises(Unimplemented, match="--oip-shared-memory=allow"):
            call()
