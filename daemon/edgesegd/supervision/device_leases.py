"""Leases of devices that only one process can use at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from edgesegd.core.errors import DeviceInUse, EngineStartFailed
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.supervision.engine_process import EngineProcess

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A device: its delegate's name and options."""


class DeviceLeases:
    """At most one engine has each accelerator, from its start until its process has ended.

    If another process still has a device, the driver fails or waits in the kernel. For most
    delegates it is not known whether their device can be shared, so none is shared. Engines on the
    CPU need no lease. Two devices of the same kind are distinguished by their options.
    """

    def __init__(self) -> None:
        self._leases: dict[Key, asyncio.Lock] = {}
        self._holders: dict[Key, EngineProcess] = {}

    async def start(
        self,
        delegate: DelegateSpec,
        seconds: float,
        start_engine: Callable[[], Awaitable[EngineProcess]],
    ) -> EngineProcess:
        """Start an engine that gets its device; if an engine is ending, wait at most `seconds`.

        The engine keeps the device until its process has ended. Raises DeviceInUse if a serving
        engine has the device, EngineStartFailed if one does not end, or what `start_engine` raises.
        """
        if delegate.is_cpu:
            return await start_engine()
        lease = await self._acquire(delegate, seconds)
        try:
            engine = await start_engine()
        except BaseException:
            lease.release()
            raise
        self._holders[_key(delegate)] = engine
        engine.exited.add_done_callback(lambda _: self._release(delegate, lease))
        return engine

    def in_use(self, delegate: DelegateSpec) -> bool:
        """Whether an engine or a trial has the device."""
        lease = self._leases.get(_key(delegate))
        return lease is not None and lease.locked()

    @asynccontextmanager
    async def held(self, delegate: DelegateSpec, seconds: float) -> AsyncIterator[None]:
        """Keep the device from engines, as for a trial; raises EngineStartFailed like `start`."""
        if delegate.is_cpu:
            yield
            return
        lease = await self._acquire(delegate, seconds)
        try:
            yield
        finally:
            lease.release()

    def _release(self, delegate: DelegateSpec, lease: asyncio.Lock) -> None:
        del self._holders[_key(delegate)]
        lease.release()

    async def _acquire(self, delegate: DelegateSpec, seconds: float) -> asyncio.Lock:
        lease = self._leases.setdefault(_key(delegate), asyncio.Lock())
        holder = self._holders.get(_key(delegate))
        if holder is not None and not holder.life.is_over:
            raise DeviceInUse(f"an engine that serves has the device of {delegate.name}")
        try:
            async with asyncio.timeout(seconds):
                await lease.acquire()
        except TimeoutError:
            raise EngineStartFailed(
                f"another engine still has the device of {delegate.name}, after {seconds:g} s"
            ) from None
        return lease


def _key(delegate: DelegateSpec) -> Key:
    return delegate.name, tuple(sorted(delegate.options.items()))
