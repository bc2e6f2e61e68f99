"""The composition root: builds every part, runs them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path

import grpc.aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from edgesegd.api.admission import Admission
from edgesegd.api.first_message import FirstMessages
from edgesegd.api.listening import UNIX, is_loopback, listen, split_address
from edgesegd.api.mapped_regions import Regions
from edgesegd.api.memory_guard import MemoryGuard
from edgesegd.api.regions import SUFFIX, RegionServer
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
    free_memory,
    private_memory,
)
from edgesegd.board.threads import count_cores
from edgesegd.config import Config
from edgesegd.core.errors import EngineStartFailed, InternalFault
from edgesegd.core.frame import FrameLimits
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.ipc.messages import EngineSetup
from edgesegd.ipc.region import why_not_available
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
from edgesegd.supervision.delegate_ranking import DelegateRanking
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.supervision.engine_pool import EnginePool, GiveUp
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.failover import Failover
from edgesegd.supervision.replicas import Replicas, plan_replicas
from edgesegd.supervision.supervisor import Supervisor
from edgesegd.version import __version__

log = logging.getLogger(__name__)

ENGINE_SLOTS = 2
"""Frames that an engine may hold: one is invoked while the next is decoded."""
UNREAD_BYTES = 256 << 10
"""Of a stream: more than a JPEG of most cameras."""
MIN_STREAMS = 100
"""Of a connection, as RFC 9113 recommends."""
UNCOUNTED_BYTES = 32 << 20
"""By which the front may grow beside what it counts: messages that are not all here, connections,
and what frames and results leave in the memory that it shares with engines."""
HANDSHAKE_MS = 10_000
"""From a connection's beginning to its first sign of HTTP/2."""
EXIT_FAILED = 1
SERVING_FACTOR = 3.0
"""How long frames are served after an invoke of a probe, in terms of that: it takes a quarter."""
LAST_WORDS_SECONDS = 0.5
"""For the statuses of calls that have ended to be sent."""


def server_options(config: Config, limits: FrameLimits) -> list[tuple[str, int]]:
    """How gRPC serves: a frame over the limit is refused by itself, not with its whole stream."""
    return [
        # Of a connection; others wait at the client's, and cost nothing here.
        ("grpc.max_concurrent_streams", max(MIN_STREAMS, config.max_calls // 4)),
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        ("grpc.max_connection_idle_ms", round(config.idle_seconds * 1000)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        # Otherwise a compressed message is none of the contract, as we tell its sender. gRPC would
        # refuse it too, as fast as it can be asked, with what it may have inflated by then.
        ("grpc.per_message_decompression", int(config.compression == "accept")),
        ("grpc.max_receive_message_length", 2 * limits.size),
        ("grpc.max_send_message_length", -1),
        # What a client may send before it is read, of each stream. gRPC would estimate it, and on a
        # busy board was seen to come to 100 MB.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", UNREAD_BYTES),
        ("grpc.so_reuseport", 0),  # a second daemon on the port must fail, not share it
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


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
        self._leases = DeviceLeases()
        self._many = config.optimize == "throughput"
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
            turn=self._turn,
            frames=lambda: self._scheduler.frames,
        )
        if self._pair.ignored:
            log.info("not taken for the other file of a pair: %s", self._pair.ignored)
        remembered = None if config.forced_delegate else self._chooser.remembered()
        self._upkeep = ChoiceUpkeep(
            self._chooser,
            remembered,
            select=lambda selection: self._fleet.select(self._optimized(selection)),
            unused=self._scheduler.unused,
        )
        self._replicas = Replicas(
            scheduler=self._scheduler,
            afford=self._afford_replicas,
            start_engine=self._start_replica,
            observe=self._engine.watch,
            clear=self._clear,
            answer_seconds=config.engine_answer_seconds,
        )
        self._fleet = EnginePool(
            self._optimized(remembered.selection if remembered else self._given()),
            supervise=self._supervise,
            scheduler=self._scheduler,
            replicas=self._replicas if config.optimize == "auto" else None,
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
            options=server_options(self._config, self._limits),
        )
        try:
            addresses = self._add_services(server)
            if not await self._start_engine():
                return 0
            await server.start()
            self._lend_memory(addresses)
            serving = asyncio.create_task(self._serve())
            self._say_ready(addresses, metrics_server)
            return await self._main_loop(server, serving)
        finally:
            await server.stop(None)
            for lending in self._lending:
                await lending.close()
            await self._fleet.close()
            self._reserve.close()
            if metrics_server is not None:
                metrics_server.close()

    async def _start_engine(self) -> bool:
        """Start the first engine, unless a signal comes first; raises a StartupError."""
        starting = asyncio.create_task(self._fleet.start())
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
            group.create_task(self._fleet.run())
            group.create_task(self._heap.run())
            group.create_task(self._guard.run())
            if self._config.forced_delegate is None:
                group.create_task(self._upkeep.run())

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A moment in which no frame is in an engine; then frames have some time."""
        loop = asyncio.get_running_loop()
        async with self._scheduler.exclusive():
            begun = loop.time()
            yield
            held = loop.time() - begun
        if self._scheduler.depth:
            await asyncio.sleep(SERVING_FACTOR * held)

    def _limit(self, name: str, most: int, what: str) -> FairLimit:
        return FairLimit(most, what, on_refused=lambda: self._metrics.limit_met(name))

    def _given(self) -> Selection:
        """The delegate that is forced, else the CPU."""
        delegate = self._config.forced_delegate or DelegateSpec()
        return Selection(((delegate, self._config.threads),))

    def _optimized(self, selection: Selection) -> Selection:
        """With what the operator wants from it."""
        if not self._many:
            return selection
        return selection.spread(count_cores(), self._config.threads or 1)

    def _supervise(self, choices: list[Choice], give_up: GiveUp) -> Supervisor:
        failover = Failover(
            ranking=DelegateRanking(choices, cool_down=self._config.delegate_rest_seconds),
            start_engine=self._start_engine_with,
            start_seconds=self._config.engine_start_seconds,
            prove=self._chooser.prove,
            observer=self._engine.watch(),
        )
        return Supervisor(
            failover=failover,
            scheduler=self._scheduler,
            answer_seconds=self._config.engine_answer_seconds,
            give_up=give_up,
            in_turn=self._many and choices[0][0].is_cpu,
            may_take=lambda: not self._replicas.active,
            on_invoke=self._upkeep.observe,
        )

    def _afford_replicas(self, level: float) -> list[Choice]:
        """Engines for so many frames at a time that the board has cores and memory for."""
        if self._engine.pid is None:
            return []
        return plan_replicas(
            cores=count_cores(),
            threads=self._config.threads,
            level=level,
            budget=self._config.replica_bytes or free_memory() // 2,
            each=private_memory(self._engine.pid),
        )

    def _clear(self, notes: Iterable[object], certain: bool) -> None:
        self._fleet.clear(notes, certain)

    async def _start_replica(self, choice: Choice) -> EngineProcess:
        return await self._start_engine_with(
            choice, self._config.engine_start_seconds, replica=True
        )

    async def _start_engine_with(
        self, choice: Choice, seconds: float, *, replica: bool = False
    ) -> EngineProcess:
        delegate, threads = choice
        model, plain = self._pair.for_delegate(delegate), self._pair.plain
        setup = EngineSetup(
            model_path=str(model.path),
            model_name=self._model.name,
            model_sha256=model.sha256,
            runtime=self._config.runtime,
            delegate=delegate,
            threads=threads,
            max_pixels=self._limits.pixels,
            decode_seconds=self._config.decode_seconds,
            slots=ENGINE_SLOTS,
            slot_size=self._limits.size,
            reference_path="" if plain is None else str(plain.path),
            reference_sha256="" if plain is None else plain.sha256,
            check_every=self._config.check_every,
            # Engines on all cores have none to spare for another frame.
            overlap=not ((self._many or replica) and delegate.is_cpu),
        )
        return await self._leases.start(
            delegate,
            seconds,
            partial(EngineProcess.start, setup, start_seconds=seconds, reserve=self._reserve),
        )

    def _add_services(self, server: grpc.aio.Server) -> list[str]:
        self._service.add_to(server)
        self._health.add_to(server)
        names = (SERVICE_NAME, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return [listen(server, address) for address in self._config.listen]

    @property
    def _memory_socket(self) -> str:
        return self._lending[0].path if self._lending else ""

    def _lend_memory(self, addresses: list[str]) -> None:
        """Lend memory beside each Unix socket."""
        sockets = [each.removeprefix("unix://") for each in addresses if each.startswith(UNIX)]
        if not (sockets and self._config.shared_memory_bytes):
            return
        if why := why_not_available():
            log.warning("clients on this board are lent no memory: %s", why)
            return
        for path in sockets:
            lending = RegionServer(path + SUFFIX, self._regions)
            lending.start()
            self._lending.append(lending)

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
