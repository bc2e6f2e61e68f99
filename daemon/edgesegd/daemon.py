"""The composition root: builds every part, runs them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable

import grpc.aio

from edgesegd.api.late_addresses import wait_for_addresses
from edgesegd.api.listening import delete_sockets, listening_privately
from edgesegd.composition.parts import Parts
from edgesegd.composition.service_status import ServiceStatus
from edgesegd.composition.signals import Signals
from edgesegd.composition.startup import ready_lines
from edgesegd.config import Config
from edgesegd.control.messages import NOWHERE
from edgesegd.observability.sd_notify import Notifier
from edgesegd.serving.reloading import reload_on, reload_on_changes
from edgesegd.supervision.engine_child import EarlyEngine

log = logging.getLogger(__name__)

EXIT_FAILED = 1
FINAL_STATUS_SECONDS = 0.5
"""How long the statuses of ended calls may take to be sent."""


class Daemon:
    """One daemon from its start to its end; raises a StartupError if it cannot be built."""

    def __init__(
        self, config: Config, *, announce: Callable[[str], None], early: EarlyEngine
    ) -> None:
        self._config = config
        self._announce = announce
        self._parts = Parts(config, early)
        self._notifier = Notifier(os.environ)
        self._signals = Signals()
        self._server_ended = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal arrives; returns the exit status. Raises a StartupError."""
        self._signals.catch()
        parts, config = self._parts, self._config
        if not await self._signals.unless_stopped(self._wait_for_addresses()):
            return 0
        metrics_server = parts.serve_metrics()
        server = parts.make_server(on_end=self._server_ended.set)
        private, unstarted = contextlib.ExitStack(), contextlib.ExitStack()
        reporting: asyncio.Task[None] | None = None
        try:
            addresses = parts.listen(server)
            unstarted.callback(delete_sockets, addresses)
            view_of = private.enter_context(listening_privately(server)) if config.view else ""
            starting = parts.host.start(
                parts.pairs, required=parts.required, asleep=config.idle_unload > 0
            )
            if not await self._signals.unless_stopped(starting):
                return 0
            await server.start()
            unstarted.pop_all()
            parts.lease_regions(addresses)
            if config.control != NOWHERE:
                await parts.control.start()
            serving = asyncio.create_task(self._serve())
            for line in ready_lines(parts.models, addresses, metrics_server):
                self._announce(line)
            parts.announcement.start(addresses, metrics_server.address if metrics_server else "")
            self._notifier.notify("READY=1")
            reporting = asyncio.create_task(self._notifier.report(ServiceStatus(parts.models)))
            if config.view:
                await parts.view.start(view_of, self._announce)
            return await self._drain_after(serving, server)
        finally:
            if reporting is not None:
                reporting.cancel()
            await parts.view.close()
            await parts.announcement.close()
            await parts.control.close()
            await parts.protocols.close()
            await server.stop(None)
            unstarted.close()
            private.close()
            await parts.region_servers.close()
            await parts.host.close()
            parts.reserve.close()
            await parts.observation.close()
            if metrics_server is not None:
                metrics_server.close()
            self._notifier.close()

    async def _wait_for_addresses(self) -> None:
        config = self._config
        addresses = (*config.listen, config.metrics_listen)
        if config.listen_wait:
            await wait_for_addresses(addresses, config.listen_wait, self._on_wait)

    def _on_wait(self, reason: str) -> None:
        log.warning("waiting for at most %g s: %s", self._config.listen_wait, reason)
        self._notifier.notify(f"STATUS=waiting: {reason}")

    async def _serve(self) -> None:
        """Run the models, trim and guard memory, and reload models when asked to."""
        parts = self._parts
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.host.run())
            group.create_task(self._end_with_the_server())
            group.create_task(parts.heap.run())
            group.create_task(parts.work_clock.run())
            group.create_task(parts.budgets.guard.run())
            group.create_task(parts.budgets.connections.run())
            group.create_task(parts.access.run(parts.budgets.admission.calls))
            group.create_task(reload_on(self._signals.reload, parts.host))
            if seconds := self._config.watch_models:
                group.create_task(reload_on_changes(parts.repository, parts.host, seconds))

    async def _end_with_the_server(self) -> None:
        """Raise once the gRPC server has ended: nobody could connect any more."""
        await self._server_ended.wait()
        raise RuntimeError("the gRPC server has ended by a fault of its own")

    async def _drain_after(self, serving: asyncio.Task[None], server: grpc.aio.Server) -> int:
        """Wait for a signal, or for the end of `serving`, which is a fault; then drain."""
        serving.add_done_callback(lambda _: self._parts.data_plane.fail_waiting())
        await self._signals.stop_or(serving)
        await self._drain(server)
        if serving.done():
            log.critical("a background task of the daemon ended", exc_info=serving.exception())
            return EXIT_FAILED
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return 0

    async def _drain(self, server: grpc.aio.Server) -> None:
        await self._parts.view.close()
        log.info("draining: answering open frames, for at most %g s", self._config.drain_seconds)
        self._notifier.notify("STOPPING=1")
        await self._parts.health.drain()
        self._parts.work.drain()
        await self._parts.announcement.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await self._parts.work.idle()
        # The calls that are still open only watch health, or had their time.
        await server.stop(FINAL_STATUS_SECONDS)
