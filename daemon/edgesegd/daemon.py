"""The composition root: builds every part, runs them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
from collections.abc import Callable, Coroutine

import grpc.aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.listening import listen, split_address
from edgesegd.api.oip.assembly import make_inference_service
from edgesegd.api.oip.names import PATIENT, WITH_FRAMES, is_oip
from edgesegd.api.oip.names import SERVICE_NAME as OIP_SERVICE_NAME
from edgesegd.api.oip.status import OIP_STATUS_OF
from edgesegd.api.open_work import OpenWork
from edgesegd.api.regions import RegionServer, start_region_servers
from edgesegd.api.server_options import server_options
from edgesegd.api.status import STATUS_OF
from edgesegd.api.v1.info import server_info
from edgesegd.api.v1.names import SERVICE_NAME
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.service import SegmentationService
from edgesegd.board.allocator import HeapTrimmer
from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.budgets import Budgets
from edgesegd.config import ALLOW, Config
from edgesegd.control.messages import NOWHERE, control_path
from edgesegd.control.server import ControlServer
from edgesegd.core.errors import CannotListen, ConfigError, InternalFault
from edgesegd.model_factory import ModelFactory
from edgesegd.observability.frame_metrics import FrameMetrics
from edgesegd.observability.health import Health
from edgesegd.observability.metrics import Metrics
from edgesegd.observability.metrics_server import MetricsServer
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.observability.sd_notify import Notifier
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry
from edgesegd.startup import find_models, has_terminal, ready_lines

log = logging.getLogger(__name__)

EXIT_FAILED = 1
LAST_WORDS_SECONDS = 0.5
"""How long the statuses of ended calls may take to be sent."""


class Daemon:
    """One daemon from its start to its end."""

    def __init__(self, config: Config, *, announce: Callable[[str], None]) -> None:
        self._config = config
        self._announce = announce
        repository, self._pairs, self._required = find_models(config)
        self._models = ModelRegistry(self._pairs[0].served.name)
        self._metrics = Metrics(CollectorRegistry())
        families = ModelFamilies(self._metrics.registry)
        self._health = Health((SERVICE_NAME, OIP_SERVICE_NAME), self._models.default)
        self._notifier = Notifier(os.environ)
        self._reserve = DescriptorReserve()
        self._lending: list[RegionServer] = []
        self._heap = HeapTrimmer(
            also=lambda: self._factory.give_back_memory()  # noqa: PLW0108 # made below
        )
        self._budgets = Budgets(
            config,
            large_messages=(f"/{SERVICE_NAME}/", *WITH_FRAMES),
            status_table=lambda method: OIP_STATUS_OF if is_oip(method) else STATUS_OF,
            patient=PATIENT,
            on_limit=self._metrics.limit_met,
            on_use=self._heap.used,
            give_back=self._heap.trim,
        )
        limits = self._budgets.limits
        data_plane = DataPlane(
            models=self._models,
            limits=limits,
            frames=self._budgets.frames,
            results=self._budgets.results,
            without_model=FrameMetrics(
                ModelMetrics(families, ""),
                delegate=str,
                memory_used=self._heap.used,
                limit_met=self._metrics.limit_met,
            ),
        )
        self._work = OpenWork(data_plane, self._budgets.streams)
        images = ImageLanes(config.unary_queue)
        self._service = SegmentationService(
            reader=RequestReader(self._models, limits, self._budgets.regions),
            data_plane=data_plane,
            images=images,
            work=self._work,
            server_info=lambda: server_info(self._models, limits, self._memory_socket),
        )
        self._factory = ModelFactory(
            config,
            registry=self._models,
            limits=limits,
            reserve=self._reserve,
            families=families,
            health=self._health,
            on_use=self._heap.used,
            on_limit=self._metrics.limit_met,
            streams=self._work.streams,
        )
        self._host = ModelHost(
            self._models,
            repository,
            make_runner=self._factory.make_runner,
            forget=self._factory.forget,
        )
        self._control = ControlServer(
            self._host,
            control_path(config.control, config.data_dir),
            default=self._models.default,
        )
        self._inference = make_inference_service(
            self._models,
            self._host,
            data_plane,
            limits=limits,
            images=images,
            work=self._work,
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
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal arrives; returns the exit status. Raises a StartupError."""
        self._catch_signals()
        metrics_server = self._serve_metrics()
        server = grpc.aio.server(
            interceptors=[self._budgets.admission],
            options=server_options(
                max_calls=self._config.max_calls,
                max_connections=self._config.max_connections,
                idle_seconds=self._config.idle_seconds,
                decompress=self._config.compression == "accept",
                max_frame_bytes=self._budgets.limits.size,
            ),
        )
        try:
            addresses = self._add_services(server)
            if not await self._unless_stopped(self._start_models()):
                return 0
            await server.start()
            if self._config.shared_memory_bytes:
                self._lending = start_region_servers(addresses, self._budgets.regions)
            await self._take_orders()
            serving = asyncio.create_task(self._serve())
            for line in ready_lines(self._models, addresses, metrics_server):
                self._announce(line)
            self._notifier.notify("READY=1")
            return await self._main_loop(server, serving)
        finally:
            await self._control.close()
            await self._inference.close()
            await server.stop(None)
            for lending in self._lending:
                await lending.close()
            await self._host.close()
            self._reserve.close()
            if metrics_server is not None:
                metrics_server.close()

    async def _unless_stopped(self, work: Coroutine[object, object, None]) -> bool:
        """Do `work` unless a signal arrives first; whether it was done. Raises its errors."""
        starting = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return False
        starting.result()
        return True

    async def _start_models(self) -> None:
        resting = self._config.idle_unload > 0
        await self._host.start(self._pairs, required=self._required, resting=resting)

    async def _main_loop(self, server: grpc.aio.Server, serving: asyncio.Task[None]) -> int:
        """Wait for a signal, or for the end of `serving`, which is a fault; then drain."""
        serving.add_done_callback(self._on_serving_ended)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._drain(server)
        if serving.done():
            log.critical("the engines' supervision ended", exc_info=serving.exception())
            return EXIT_FAILED
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return 0

    def _on_serving_ended(self, _serving: asyncio.Task[None]) -> None:
        """Answer the waiting frames with an error, because no engine will take them."""
        for model in self._models:
            model.scheduler.drain()
            model.scheduler.fail_waiting(lambda _job: InternalFault())

    async def _drain(self, server: grpc.aio.Server) -> None:
        log.info("draining: answering open frames, for at most %g s", self._config.drain_seconds)
        self._notifier.notify("STOPPING=1")
        await self._health.drain()
        self._work.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await self._work.idle()
        # The calls that are still open only watch health, or had their time.
        await server.stop(LAST_WORDS_SECONDS)

    async def _serve(self) -> None:
        """Run the models, trim and guard memory, and reload models when asked to."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._host.run())
            group.create_task(self._heap.run())
            group.create_task(self._budgets.guard.run())
            group.create_task(self._reload_when_asked())
            if self._config.watch_models:
                group.create_task(self._host.watch(self._config.watch_models))

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            await self._host.reload_or_log()

    async def _take_orders(self) -> None:
        """Open the control socket; without --control it is optional, so a failure is logged."""
        if self._config.control == NOWHERE:
            return
        try:
            await self._control.start()
        except (CannotListen, ConfigError) as error:
            if self._config.control:
                raise
            log.warning("there is no control socket: %s", error)

    def _add_services(self, server: grpc.aio.Server) -> list[str]:
        self._service.add_to(server)
        self._inference.add_to(server)
        self._health.add_to(server)
        ours = SERVICE_NAME, OIP_SERVICE_NAME
        names = (*ours, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return [listen(server, address) for address in self._config.listen]

    @property
    def _memory_socket(self) -> str:
        return self._lending[0].path if self._lending else ""

    def _serve_metrics(self) -> MetricsServer | None:
        address = self._config.metrics_listen
        if not address:
            return None
        return MetricsServer(self._metrics.registry, *split_address(address))

    def _catch_signals(self) -> None:
        """Handle signals: SIGTERM, SIGINT and, with a terminal, SIGHUP drain.

        Without a terminal SIGHUP reloads the models. SIGUSR1 prints the stacks of all threads.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        if not has_terminal():
            loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(signal.SIGHUP, self._on_signal, signal.SIGHUP)
        faulthandler.register(signal.SIGUSR1)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def _on_signal(self, number: int) -> None:
        """Drain at the first signal; at the second, end the process and its engines at once."""
        if self._stop.is_set():
            os._exit(128 + number)
        self._stop.set()
