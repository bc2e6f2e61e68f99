"""One engine at a time on each accelerator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from edgesegd.core.errors import DelegateFailed, DeviceInUse, EngineStartFailed
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.engine_state import EngineEvent, EngineLife

STICK = DelegateSpec("edgetpu:usb:0", ("libedgetpu.so.1",))
OTHER = DelegateSpec("edgetpu:usb:1", ("libedgetpu.so.1",))


class Engine:
    """What a lease needs of an engine: its end, which is near."""

    def __init__(self) -> None:
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.life = EngineLife()
        self.life.apply(EngineEvent.CLOSED)


def starting(engine: Engine) -> Callable[[], Awaitable[EngineProcess]]:
    async def start() -> EngineProcess:
        return cast(EngineProcess, engine)

    return start


async def failing() -> EngineProcess:
    raise DelegateFailed("no such device")


async def test_a_second_engine_on_a_device_waits_until_the_first_has_ended() -> None:
    leases, first, second = DeviceLeases(), Engine(), Engine()
    assert (await leases.start(STICK, 1.0, starting(first))).exited is first.exited
    waiting = asyncio.create_task(leases.start(STICK, 10.0, starting(second)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    first.exited.set_result(None)
    assert (await waiting).exited is second.exited


async def test_a_device_that_another_engine_keeps_is_an_error_that_names_it() -> None:
    leases = DeviceLeases()
    await leases.start(STICK, 1.0, starting(Engine()))
    with pytest.raises(EngineStartFailed, match=r"device of edgetpu:usb:0, after 0.01 s"):
        await leases.start(STICK, 0.01, starting(Engine()))


async def test_a_device_of_an_engine_that_serves_is_not_waited_for() -> None:
    leases, serving = DeviceLeases(), Engine()
    serving.life = EngineLife()
    await leases.start(STICK, 1.0, starting(serving))
    assert leases.in_use(STICK)
    with pytest.raises(DeviceInUse, match="an engine that serves has the device of edgetpu:usb:0"):
        await leases.start(STICK, 3600, starting(Engine()))
    with pytest.raises(DeviceInUse):
        async with leases.held(STICK, 3600):
            raise AssertionError("it is in use")
    serving.exited.set_result(None)
    await asyncio.sleep(0)
    assert not leases.in_use(STICK)
    await leases.start(STICK, 1.0, starting(Engine()))


async def test_other_devices_and_the_cpu_do_not_wait_for_a_lease() -> None:
    leases = DeviceLeases()
    for delegate in (STICK, OTHER, DelegateSpec(), DelegateSpec()):
        await leases.start(delegate, 0.01, starting(Engine()))


async def test_an_engine_that_did_not_start_keeps_no_device() -> None:
    leases = DeviceLeases()
    with pytest.raises(DelegateFailed):
        await leases.start(STICK, 0.01, failing)
    await leases.start(STICK, 0.01, starting(Engine()))
