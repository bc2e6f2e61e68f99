"""The composition root: builds every part, runs them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import grpc.aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from edgesegd.api.admission import Admission
from edgesegd.api.first_message import FirstMessages
from edgesegd.api.listening import is_loopback, listen, split_address
from edgesegd.api.mapped_regions import Regions
from edgesegd.api.memory_guard import MemoryGuard
from edgesegd.api.regions import RegionServer, start_region_servers
from edgesegd.api.server_options import server_options
from edgesegd.api.v1.info import server_info
from edgesegd.api.v1.names import SERVICE_NAME
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.service import SegmentationService
from edgesegd.board.allocator import HeapTrimmer
from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.board.memory import (
    board_memory,
    default_frame_bytes,
    default_frame_pixels,
    default_held_bytes,
)
from edgesegd.config import Config
from edgesegd.core.errors import EngineStartFailed, InternalFault
from edgesegd.core.frame import FrameLimits
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.ipc.trial_messages import SOFTWARE_ADAPTER
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.pair import find_pair
from edgesegd.models.reading import read_model
from edgesegd.observability.engine_state import EngineState
from edgesegd.observability.frame_metrics import FrameMetrics
from edgesegd.observability.health import Health
from edgesegd.observability.metrics import Metrics
from edgesegd.observability.metrics_server import MetricsServer
from edgesegd.observability.sd_notify import Notifier
from edgesegd.probe.choice import Chooser
from edgesegd.probe.upkeep import ChoiceUpkeep
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.version_engines import EngineSettings, VersionEngines
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.version import __version__

log = logging.getLogger(__name__)

UNCOUNTED_BYTES = 32 << 20
"""By which the front may grow beside what it counts: messages that are not all here, connections,
and what frames and results leave in the memory that it shares with engines."""
EXIT_FAILED = 1
LAST_WORDS_SECONDS = 0.5
"""For the statuses of calls that have ended to be sent."""


class Daemon:
    """One daemon from its start to its end."""

    def __init__(self, config: Config, *, announce: Callable[[str], None]) -> None:
        path = resolve_model(config.model, Path(config.data_dir))
        self._config = config
        self._announce = announce
        self._model = read_model(path)
        self._pair = find_pair(self._model)
        memory = board_memory()
        self._limits = FrameLimits(
            config.max_frame_bytes or default_frame_bytes(memory),
            config.max_frame_pixels or default_frame_pixels(memory),
        )
        held = config.max_held_bytes or default_held_bytes(memory, self._limits.size)
        self._regions = Regions(
            self._limit("shared_memory", config.shared_memory_bytes, "bytes of lent memory")
        )
        self._lending: list[RegionServer] = []
        self._reserve = DescriptorReserve()
        self._scheduler = Scheduler()
        self._metrics = Metrics(CollectorRegistry(), self._model)
        self._health = Health(SERVICE_NAME, self._model.name)
        self._engine = EngineState(self._metrics, self._health)
        self._heap = HeapTrimmer(also=self._engine.give_back_memory)
        frames = self._limit("frames", held // 2, "bytes of frames that wait")
        results = FairLimit(held // 2, "bytes of results that are not read")
        streams = self._limit("streams", config.max_streams, "streams")
        self._admission = Admission(
            limit=self._limit("calls", config.max_calls, "calls"),
            first_messages=FirstMessages(config.message_seconds),
            large_messages=(f"/{SERVICE_NAME}/",),
            on_call=self._heap.used,
        )
        self._guard = MemoryGuard(
            self._admission.calls,
            growth=held + UNCOUNTED_BYTES,
            give_back=self._heap.trim,
            on_evicted=lambda: self._metrics.limit_met("memory"),
        )
        self._notifier = Notifier(os.environ)
        self._service = SegmentationService(
            reader=RequestReader(self._model, self._limits, self._regions),
            data_plane=DataPlane(
                model=self._model,
                limits=self._limits,
                scheduler=self._scheduler,
                frames=frames,
                results=results,
                observer=FrameMetrics(self._metrics, self._engine, memory_used=self._heap.used),
            ),
            unary_queue=config.unary_queue,
            streams=streams,
            server_info=lambda: server_info(
                self._model, self._limits, self._engine.ready, self._memory_socket
            ),
        )
        self._chooser = Chooser(
            self._pair,
            runtime=config.runtime,
            threads=config.threads,
            also=config.candidates,
            folder=Path(config.data_dir),
            turn=lambda: self._served.moment_without_frames(),  # noqa: PLW0108 # made below
            frames=lambda: self._scheduler.frames,
        )
        if self._pair.ignored:
            log.info("not taken for the other file of a pair: %s", self._pair.ignored)
        remembered = None if config.forced_delegate else self._chooser.remembered()
        self._upkeep = ChoiceUpkeep(
            self._chooser,
            remembered,
            select=lambda selection: self._served.select(selection),  # noqa: PLW0108 # as above
            unused=self._scheduler.unused,
        )
        self._served = VersionEngines(
            self._pair,
            remembered.selection if remembered else self._given(),
            scheduler=self._scheduler,
            limits=self._limits,
            settings=EngineSettings(
                runtime=config.runtime,
                threads=config.threads,
                decode_seconds=config.decode_seconds,
                check_every=config.check_every,
                start_seconds=config.engine_start_seconds,
                answer_seconds=config.engine_answer_seconds,
                cool_down=config.delegate_rest_seconds,
                optimize=config.optimize,
                replica_bytes=config.replica_bytes,
            ),
            leases=DeviceLeases(),
            reserve=self._reserve,
            observe=self._engine.watch,
            engine_pid=lambda: self._engine.pid,
            prove=self._chooser.prove,
            on_invoke=self._upkeep.observe,
        )
        self._metrics.watch(
            queue_depth=lambda: self._scheduler.depth,
            calls=lambda: len(self._admission.calls),
            streams=lambda: self._service.streams,
            held=lambda: frames.total + results.total,
            engine_pid=lambda: self._engine.pid,
            shared_memory=lambda: self._regions.size,
        )
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal comes; the exit status. Raises a StartupError."""
        self._catch_signals()
        metrics_server = self._serve_metrics()
        server = grpc.aio.server(
            interceptors=[self._admission],
            options=server_options(
                max_calls=self._config.max_calls,
                max_connections=self._config.max_connections,
                idle_seconds=self._config.idle_seconds,
                decompress=self._config.compression == "accept",
                max_frame_bytes=self._limits.size,
            ),
        )
        try:
            addresses = self._add_services(server)
            if not await self._start_engine():
                return 0
            await server.start()
            if self._config.shared_memory_bytes:
                self._lending = start_region_servers(addresses, self._regions)
            serving = asyncio.create_task(self._serve())
            self._say_ready(addresses, metrics_server)
            return await self._main_loop(server, serving)
        finally:
            await server.stop(None)
            for lending in self._lending:
                await lending.close()
            await self._served.close()
            self._reserve.close()
            if metrics_server is not None:
                metrics_server.close()

    async def _start_engine(self) -> bool:
        """Start the first engine, unless a signal comes first; raises a StartupError."""
        starting = asyncio.create_task(self._served.start())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return False
        starting.result()
        return True

    async def _main_loop(self, server: grpc.aio.Server, serving: asyncio.Task[None]) -> int:
        """Until a signal comes; also where nobody feeds the engines any more, which is a fault."""
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
        """Answer the frames that wait: no engine will."""
        self._scheduler.drain()
        self._scheduler.fail_waiting(lambda _job: InternalFault())

    async def _drain(self, server: grpc.aio.Server) -> None:
        log.info("draining: answering what was taken, for at most %g s", self._config.drain_seconds)
        self._notifier.notify("STOPPING=1")
        await self._health.drain()
        self._service.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await self._service.idle()
        # What is open now only watches health, or had its time.
        await server.stop(LAST_WORDS_SECONDS)

    async def _serve(self) -> None:
        """Feed the engines, and keep the choice of delegates right."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._served.run())
            group.create_task(self._heap.run())
            group.create_task(self._guard.run())
            if self._config.forced_delegate is None:
                group.create_task(self._upkeep.run())

    def _limit(self, name: str, most: int, what: str) -> FairLimit:
        return FairLimit(most, what, on_refused=lambda: self._metrics.limit_met(name))

    def _given(self) -> Selection:
        """The delegate that is forced, else the CPU."""
        delegate = self._config.forced_delegate or DelegateSpec()
        return Selection(((delegate, self._config.threads),))

    def _add_services(self, server: grpc.aio.Server) -> list[str]:
        self._service.add_to(server)
        self._health.add_to(server)
        names = (SERVICE_NAME, "grpc.health.v1.Health", reflection.SERVICE_NAME)
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

    def _say_ready(self, addresses: list[str], metrics_server: MetricsServer | None) -> None:
        ready = self._engine.ready
        if ready is None:
            raise EngineStartFailed("the engine was lost before the daemon was ready")
        for address in addresses:
            if not is_loopback(address):
                log.warning(
                    "%s is open to the network without TLS or a token: "
                    "everyone who reaches it can use it",
                    address,
                )
            self._announce(f"listening on {address}")
        if metrics_server is not None:
            self._announce(f"metrics on http://{metrics_server.address}/metrics")
        if SOFTWARE_ADAPTER in ready.adapter.lower():
            log.warning("there is no GPU: %s plays it, which is slower than the CPU", ready.adapter)
        runs = f"{ready.delegate} on {ready.adapter}" if ready.adapter else ready.delegate
        claims = f" ({ready.delegated} of {ready.operators} ops)" if ready.operators else ""
        self._announce(
            f"edgesegd {__version__} ready: model {self._model.name} {self._model.version}, "
            f"{ready.runtime}, delegate {runs}{claims}, {ready.threads} threads, "
            f"{ready.invoke_seconds * 1000:.1f} ms an invoke"
        )
        self._notifier.notify("READY=1")

    def _catch_signals(self) -> None:
        """SIGTERM, Ctrl-C and a terminal that closes drain; SIGUSR1 shows what all threads do."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            under_nohup = signal.getsignal(number) is signal.SIG_IGN
            if number != signal.SIGHUP or not under_nohup:
                loop.add_signal_handler(number, self._on_signal, number)
        faulthandler.register(signal.SIGUSR1)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def _on_signal(self, number: int) -> None:
        """The first signal drains; the second ends the process at once, and its engine with it."""
        if self._stop.is_set():
            os._exit(128 + number)
        self._stop.set()
