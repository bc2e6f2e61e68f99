"""All parts of a daemon, each given what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry

from edgesegd.api.access_control import AccessControl
from edgesegd.api.credentials import server_credentials
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.listening import listen
from edgesegd.api.open_work import OpenWork
from edgesegd.api.region_server import RegionServers
from edgesegd.api.server import make_server
from edgesegd.api.server_options import server_options
from edgesegd.api.socket_access import SocketAccess
from edgesegd.board.addresses import is_loopback, unix_paths
from edgesegd.board.allocator import HeapTrimmer
from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.composition.announcement import Announcement
from edgesegd.composition.budgets import Budgets
from edgesegd.composition.call_observation import CallObservation
from edgesegd.composition.exposure import find_certificates, find_tokens, refuse_exposure
from edgesegd.composition.model_factory import ModelFactory
from edgesegd.composition.protocols import (
    LARGE_MESSAGES,
    OPENED_EARLY,
    SERVICES,
    Protocols,
    required_scope,
    status_table,
)
from edgesegd.composition.startup import find_models
from edgesegd.composition.view_process import ViewProcess
from edgesegd.concurrency.running_clock import RunningClock
from edgesegd.config import ALLOW, HEALTH, METRICS, PAGE, Config
from edgesegd.control.messages import control_path
from edgesegd.control.server import ControlServer
from edgesegd.observability.board.registration import register_board
from edgesegd.observability.frame_metrics import FrameMetrics
from edgesegd.observability.health import HEALTH_SERVICE_NAME, Health
from edgesegd.observability.health_pages import LoopCheck, health_pages
from edgesegd.observability.metrics import Metrics, leave_out_created_series
from edgesegd.observability.metrics_server import MetricsServer, serve_metrics
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.observability.rpc_metrics import RpcMetrics
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry
from edgesegd.supervision.engine_child import EarlyEngine

VIEW_TOKEN = "view-token"  # noqa: S105 # the name of a file


class Parts:
    """The parts of one daemon; nothing runs, and no address is taken, before a method is called.

    Raises a StartupError if an option is wrong, or a model cannot be served.
    """

    def __init__(self, config: Config, early: EarlyEngine) -> None:
        self._config = config
        self.certificates = find_certificates(config)
        self.socket_access = SocketAccess(config.socket_mode, config.socket_group)
        keyring = find_tokens(config)
        refuse_exposure(config, keyring)
        self.repository, self.pairs, self.required = find_models(config)
        self.models = ModelRegistry(self.pairs[0].served.name)
        self.announcement = Announcement(config, self.models)
        leave_out_created_series()
        self.metrics = Metrics(CollectorRegistry())
        register_board(self.metrics.registry)
        self.observation = CallObservation(config, self.metrics.registry)
        families = ModelFamilies(self.metrics.registry)
        self.health = Health(SERVICES, self.models.default)
        self.reserve = DescriptorReserve()
        self.work_clock = RunningClock()
        self.heap = HeapTrimmer(
            release_other=lambda: self.factory.release_memory()  # noqa: PLW0108 # made below
        )
        self.access = AccessControl(
            keyring,
            scope_of=lambda method: required_scope(method, config.public),
            public_metrics=METRICS in config.public,
            on_refused=self.metrics.call_refused,
            on_limit=self.metrics.limit_met,
        )
        self.budgets = Budgets(
            config,
            large_messages=LARGE_MESSAGES,
            status_table=status_table,
            opened_early=OPENED_EARLY,
            check_access=self.access.check,
            counters=RpcMetrics(self.metrics.registry),
            on_limit=self.metrics.limit_met,
            on_use=self.heap.used,
            trim=self.heap.trim,
        )
        self.data_plane = DataPlane(
            models=self.models,
            limits=self.budgets.limits,
            frames=self.budgets.frames,
            results=self.budgets.results,
            without_model=FrameMetrics(
                ModelMetrics(families, ""),
                delegate=str,
                memory_used=self.heap.used,
                limit_met=self.metrics.limit_met,
            ),
        )
        self.work = OpenWork(
            self.data_plane, self.budgets.streams, stream_seconds=config.connection_seconds
        )
        self.factory = ModelFactory(
            config,
            registry=self.models,
            limits=self.budgets.limits,
            reserve=self.reserve,
            early=early,
            families=families,
            health=self.health,
            on_use=self.heap.used,
            on_limit=self.metrics.limit_met,
            streams=self.work.streams,
            work_clock=self.work_clock,
            on_change=self.announcement.changed,
        )
        self.host = ModelHost(
            self.models,
            self.repository,
            make_runner=self.factory.make_runner,
            forget=self.factory.forget,
        )
        self.control = ControlServer(
            self.host,
            control_path(config.control, config.data_dir),
            default=self.models.default,
            required=bool(config.control),
        )
        self.view = ViewProcess(
            [source for source in config.view if source != PAGE],
            config.view_listen,
            None if is_loopback(config.view_listen) else Path(config.data_dir, VIEW_TOKEN),
            tls=None if is_loopback(config.view_listen) else self.certificates,
        )
        self.region_servers = RegionServers(self.budgets.regions)
        self.protocols = Protocols(
            self.models,
            self.host,
            self.data_plane,
            images=ImageLanes(config.unary_queue),
            work=self.work,
            regions=self.budgets.regions,
            memory_socket=lambda: self.region_servers.path,
            registrations=(
                self.budgets.registrations if config.oip_shared_memory == ALLOW else None
            ),
            changes_models=config.oip_repository == ALLOW,
            observers=self.observation.observers,
        )
        if (certificates := self.certificates) is not None:
            self.metrics.watch_certificate(lambda: certificates.expires)
        self.metrics.watch(
            calls=lambda: len(self.budgets.admission.calls),
            peers=lambda: len({call.client[0] for call in tuple(self.budgets.admission.calls)}),
            held=lambda: self.budgets.held,
            engines=self.factory.engines,
            shared_memory=lambda: self.budgets.regions.size,
        )

    def serve_metrics(self) -> MetricsServer | None:
        """Serve the metrics, and health beside them, if that is configured.

        Raises CannotListen.
        """
        return serve_metrics(
            self.metrics.registry,
            self._config.metrics_listen,
            certificates=self.certificates,
            check=self.access.check_metrics,
            health=health_pages(is_alive=LoopCheck(), why_not_ready=self.health.why_not_ready),
            public_health=HEALTH in self._config.public,
        )

    def make_server(self, on_end: Callable[[], None]) -> grpc.aio.Server:
        """The gRPC server of all services; it does not listen yet.

        `on_end` is called if it ends by a fault of its own.
        """
        config = self._config
        return make_server(
            {**self.protocols.services, HEALTH_SERVICE_NAME: self.health},
            admission=self.budgets.admission,
            options=server_options(
                max_calls=config.max_calls,
                max_connections=config.max_connections,
                idle_seconds=config.idle_seconds,
                connection_seconds=config.connection_seconds,
                decompress=config.compression == "accept",
                max_frame_bytes=self.budgets.limits.size,
            ),
            on_end=on_end,
        )

    def listen(self, server: grpc.aio.Server) -> list[str]:
        """Bind `server` to all its addresses, which are returned; raises CannotListen."""
        with self.socket_access.applied() as sockets:
            addresses = [listen(server, each, self._credentials) for each in self._config.listen]
            sockets.extend(unix_paths(addresses))
        return addresses

    def lease_regions(self, addresses: list[str]) -> None:
        """Lease shared memory beside each Unix socket, if that is configured."""
        if self._config.shared_memory_bytes:
            with self.socket_access.applied() as sockets:
                sockets.extend(self.region_servers.start(addresses))

    def _credentials(self) -> grpc.ServerCredentials | None:
        return None if self.certificates is None else server_credentials(self.certificates)
