"""The composition root: builds every part, runs them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry

from edgesegd.api.access_control import AccessControl
from edgesegd.api.credentials import server_credentials
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.listening import listen, listening_privately
from edgesegd.api.open_work import OpenWork
from edgesegd.api.region_server import RegionServers
from edgesegd.api.server import make_server
from edgesegd.api.server_options import server_options
from edgesegd.api.socket_access import SocketAccess
from edgesegd.board.addresses import is_loopback, unix_paths
from edgesegd.board.allocator import HeapTrimmer
from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.composition.budgets import Budgets
from edgesegd.composition.model_factory import ModelFactory
from edgesegd.composition.protocols import (
    LARGE_MESSAGES,
    OPENED_EARLY,
    SERVICES,
    Protocols,
    required_scope,
    status_table,
)
from edgesegd.composition.signals import Signals
from edgesegd.composition.startup import (
    find_certificates,
    find_models,
    find_tokens,
    ready_lines,
    refuse_exposure,
)
from edgesegd.composition.view_process import ViewProcess
from edgesegd.config import ALLOW, METRICS, PAGE, Config
from edgesegd.control.messages import NOWHERE, control_path
from edgesegd.control.server import ControlServer
from edgesegd.observability.frame_metrics import FrameMetrics
from edgesegd.observability.health import HEALTH_SERVICE_NAME, Health
from edgesegd.observability.metrics import Metrics
from edgesegd.observability.metrics_server import serve_metrics
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.observability.sd_notify import Notifier
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.reloading import reload_on, reload_on_changes
from edgesegd.supervision.engine_child import EarlyEngine

log = logging.getLogger(__name__)

EXIT_FAILED = 1
VIEW_TOKEN = "view-token"  # noqa: S105 # the name of a file
FINAL_STATUS_SECONDS = 0.5
"""How long the statuses of ended calls may take to be sent."""


class Daemon:
    """One daemon from its start to its end."""

    def __init__(
        self, config: Config, *, announce: Callable[[str], None], early: EarlyEngine
    ) -> None:
        self._config = config
        self._announce = announce
        self._certificates = find_certificates(config)
        self._socket_access = SocketAccess(config.socket_mode, config.socket_group)
        keyring = find_tokens(config)
        refuse_exposure(config, keyring)
        self._repository, self._pairs, self._required = find_models(config)
        self._models = ModelRegistry(self._pairs[0].served.name)
        self._metrics = Metrics(CollectorRegistry())
        families = ModelFamilies(self._metrics.registry)
        self._health = Health(SERVICES, self._models.default)
        self._notifier = Notifier(os.environ)
        self._signals = Signals()
        self._reserve = DescriptorReserve()
        self._heap = HeapTrimmer(
            release_other=lambda: self._factory.release_memory()  # noqa: PLW0108 # made below
        )
        self._access = AccessControl(
            keyring,
            scope_of=lambda method: required_scope(method, config.public),
            public_metrics=METRICS in config.public,
            on_refused=self._metrics.call_refused,
        )
        self._budgets = Budgets(
            config,
            large_messages=LARGE_MESSAGES,
            status_table=status_table,
            opened_early=OPENED_EARLY,
            check_access=self._access.check,
            on_limit=self._metrics.limit_met,
            on_use=self._heap.used,
            trim=self._heap.trim,
        )
        self._data_plane = DataPlane(
            models=self._models,
            limits=self._budgets.limits,
            frames=self._budgets.frames,
            results=self._budgets.results,
            without_model=FrameMetrics(
                ModelMetrics(families, ""),
                delegate=str,
                memory_used=self._heap.used,
                limit_met=self._metrics.limit_met,
            ),
        )
        self._work = OpenWork(self._data_plane, self._budgets.streams)
        self._factory = ModelFactory(
            config,
            registry=self._models,
            limits=self._budgets.limits,
            reserve=self._reserve,
            early=early,
            families=families,
            health=self._health,
            on_use=self._heap.used,
            on_limit=self._metrics.limit_met,
            streams=self._work.streams,
        )
        self._host = ModelHost(
            self._models,
            self._repository,
            make_runner=self._factory.make_runner,
            forget=self._factory.forget,
        )
        self._control = ControlServer(
            self._host,
            control_path(config.control, config.data_dir),
            default=self._models.default,
            required=bool(config.control),
        )
        self._view = ViewProcess(
            [source for source in config.view if source != PAGE],
            config.view_listen,
            None if is_loopback(config.view_listen) else Path(config.data_dir, VIEW_TOKEN),
        )
        self._region_servers = RegionServers(self._budgets.regions)
        self._protocols = Protocols(
            self._models,
            self._host,
            self._data_plane,
            images=ImageLanes(config.unary_queue),
            work=self._work,
            regions=self._budgets.regions,
            memory_socket=lambda: self._region_servers.path,
            registrations=(
                self._budgets.registrations if config.oip_shared_memory == ALLOW else None
            ),
            changes_models=config.oip_repository == ALLOW,
        )
        self._metrics.watch(
            calls=lambda: len(self._budgets.admission.calls),
            held=lambda: self._budgets.held,
            engine_pid=self._factory.engine_pid,
            shared_memory=lambda: self._budgets.regions.size,
        )

    def _credentials(self) -> grpc.ServerCredentials | None:
        return None if self._certificates is None else server_credentials(self._certificates)

    async def run(self) -> int:
        """Serve until a signal arrives; returns the exit status. Raises a StartupError."""
        self._signals.catch()
        config = self._config
        metrics_server = serve_metrics(
            self._metrics.registry,
            config.metrics_listen,
            certificates=self._certificates,
            check=self._access.check_metrics,
        )
        server = make_server(
            {**self._protocols.services, HEALTH_SERVICE_NAME: self._health},
            admission=self._budgets.admission,
            options=server_options(
                max_calls=config.max_calls,
                max_connections=config.max_connections,
                idle_seconds=config.idle_seconds,
                decompress=config.compression == "accept",
                max_frame_bytes=self._budgets.limits.size,
            ),
        )
        private = contextlib.ExitStack()
        try:
            with self._socket_access.applied() as sockets:
                addresses = [
                    listen(server, address, self._credentials) for address in config.listen
                ]
                sockets.extend(unix_paths(addresses))
            view_of = private.enter_context(listening_privately(server)) if config.view else ""
            starting = self._host.start(
                self._pairs, required=self._required, asleep=config.idle_unload > 0
            )
            if not await self._signals.unless_stopped(starting):
                return 0
            await server.start()
            if config.shared_memory_bytes:
                with self._socket_access.applied() as sockets:
                    sockets.extend(self._region_servers.start(addresses))
            if config.control != NOWHERE:
                await self._control.start()
            serving = asyncio.create_task(self._serve())
            for line in ready_lines(self._models, addresses, metrics_server):
                self._announce(line)
            self._notifier.notify("READY=1")
            if config.view:
                await self._view.start(view_of, self._announce)
            return await self._drain_after(serving, server)
        finally:
            await self._view.close()
            await self._control.close()
            await self._protocols.close()
            await server.stop(None)
            private.close()
            await self._region_servers.close()
            await self._host.close()
            self._reserve.close()
            if metrics_server is not None:
                metrics_server.close()

    async def _serve(self) -> None:
        """Run the models, trim and guard memory, and reload models when asked to."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._host.run())
            group.create_task(self._heap.run())
            group.create_task(self._budgets.guard.run())
            group.create_task(self._access.run(self._budgets.admission.calls))
            group.create_task(reload_on(self._signals.reload, self._host))
            if seconds := self._config.watch_models:
                group.create_task(reload_on_changes(self._repository, self._host, seconds))

    async def _drain_after(self, serving: asyncio.Task[None], server: grpc.aio.Server) -> int:
        """Wait for a signal, or for the end of `serving`, which is a fault; then drain."""
        serving.add_done_callback(lambda _: self._data_plane.fail_waiting())
        await self._signals.stop_or(serving)
        await self._drain(server)
        if serving.done():
            log.critical("a background task of the daemon ended", exc_info=serving.exception())
            return EXIT_FAILED
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return 0

    async def _drain(self, server: grpc.aio.Server) -> None:
        await self._view.close()
        log.info("draining: answering open frames, for at most %g s", self._config.drain_seconds)
        self._notifier.notify("STOPPING=1")
        await self._health.drain()
        self._work.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await self._work.idle()
        # The calls that are still open only watch health, or had their time.
        await server.stop(FINAL_STATUS_SECONDS)
