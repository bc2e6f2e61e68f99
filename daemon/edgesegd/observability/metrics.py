"""What Prometheus sees."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage
from edgesegd.ipc.messages import EngineReady
from edgesegd.models.spec import ModelSpec
from edgesegd.version import __version__

BUCKETS = tuple(round(0.0001 * 1.8**n, 7) for n in range(20))
"""100 microseconds to 7 seconds, each 1.8 times the one before, as TensorFlow Serving's."""

LOSSES = ("crash", "hang", "invoke", "nan", "constant", "drift", "check", "start", "fault")
"""Why engines are replaced."""
LIMITS = ("calls", "streams", "frames", "results", "memory", "shared_memory")
"""What clients share; docs/limits.md tells of each."""
OK = "ok"
CANCELLED = "cancelled"


class _ByLabels(dict[tuple[str, ...], Any]):
    """The series of a metric by their labels after the first ones; finding one costs nothing."""

    def __init__(self, metric: Any, *first: str) -> None:  # noqa: ANN401 # any kind of metric
        super().__init__()
        self._metric = metric
        self._first = first

    def __missing__(self, labels: tuple[str, ...]) -> Any:  # noqa: ANN401 # as above
        self[labels] = series = self._metric.labels(*self._first, *labels)
        return series


class Metrics:
    """Every series of one daemon, in `registry`; labelled by model and delegate."""

    def __init__(self, registry: CollectorRegistry, model: ModelSpec) -> None:
        self.registry = registry
        self._model = model.name
        by_model = ["model", "delegate"]
        self._frames = _ByLabels(
            Counter(
                "edgeseg_frames",
                "Frames by what became of them.",
                [*by_model, "outcome"],
                registry=registry,
            ),
            model.name,
        )
        self._stages = _ByLabels(
            Histogram(
                "edgeseg_stage_seconds",
                "Time that segmented frames spent in each stage of their way.",
                [*by_model, "stage"],
                buckets=BUCKETS,
                registry=registry,
            ),
            model.name,
        )
        self._latency = _ByLabels(
            Histogram(
                "edgeseg_frame_seconds",
                "Time from a frame's reception to its response, of segmented frames.",
                by_model,
                buckets=BUCKETS,
                registry=registry,
            ),
            model.name,
        )
        self._restarts = Counter(
            "edgeseg_engine_restarts",
            "Engines that were lost or did not start, by cause; each is replaced.",
            ["model", "cause"],
            registry=registry,
        )
        self._engine_ready = Gauge(
            "edgeseg_engine_ready",
            "1 while an engine is ready to segment.",
            ["model"],
            registry=registry,
        )
        self._degraded = Gauge(
            "edgeseg_degraded",
            "1 while a better delegate, or that of an extra engine, is unhealthy.",
            ["model"],
            registry=registry,
        )
        self._delegate_info = Gauge(
            "edgeseg_delegate_info",
            "Delegate and runtime of each engine that is ready.",
            [*by_model, "runtime", "threads"],
            registry=registry,
        )
        self._limits = Counter(
            "edgeseg_limits_met",
            "Times that something was refused, or a call ended, for a limit was met.",
            ["limit"],
            registry=registry,
        )
        self._expose_constants(model)
        self._expose_zeros()
        ProcessCollector(registry=registry)

    def _expose_constants(self, model: ModelSpec) -> None:
        Gauge(
            "edgeseg_build_info",
            "The daemon that runs.",
            ["version", "python"],
            registry=self.registry,
        ).labels(__version__, platform.python_version()).set(1)
        Gauge(
            "edgeseg_model_info",
            "The model that is served.",
            ["model", "version", "input", "output"],
            registry=self.registry,
        ).labels(
            model.name,
            model.version,
            "{}x{}".format(*model.input_size),
            "{}x{} {}".format(*model.output_size, model.output_kind.value),
        ).set(1)

    def _expose_zeros(self) -> None:
        """Series that alerts watch exist before the first event."""
        self._engine_ready.labels(self._model).set(0)
        self._degraded.labels(self._model).set(0)
        for limit in LIMITS:
            self._limits.labels(limit)
        for cause in LOSSES:
            self._restarts.labels(self._model, cause)

    def watch(
        self,
        *,
        queue_depth: Callable[[], int],
        calls: Callable[[], int],
        streams: Callable[[], int],
        held: Callable[[], int],
        engine_pid: Callable[[], int | None],
        shared_memory: Callable[[], int],
    ) -> None:
        """Read these whenever the page is asked for."""
        Gauge(
            "edgeseg_queue_depth",
            "Frames that wait for an engine.",
            ["model"],
            registry=self.registry,
        ).labels(self._model).set_function(queue_depth)
        Gauge(
            "edgeseg_streams",
            "Streams that are open.",
            ["model"],
            registry=self.registry,
        ).labels(self._model).set_function(streams)
        Gauge(
            "edgeseg_calls",
            "Calls that are open, whatever they are for.",
            registry=self.registry,
        ).set_function(calls)
        Gauge(
            "edgeseg_held_bytes",
            "Bytes of frames that wait and of results that are not read yet.",
            registry=self.registry,
        ).set_function(held)
        Gauge(
            "edgeseg_shared_memory_bytes",
            "Memory that is lent to clients on this board.",
            registry=self.registry,
        ).set_function(shared_memory)
        ProcessCollector(
            namespace="edgeseg_engine", pid=lambda: engine_pid() or -1, registry=self.registry
        )

    def frame_answered(
        self,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
        delegate: str,
    ) -> None:
        """A frame's response is sent; `total` is its whole time in seconds."""
        if isinstance(outcome, EdgesegError):
            self._frames[delegate, outcome.outcome].inc()
            return
        self._frames[delegate, OK].inc()
        self._latency[(delegate,)].observe(total)
        for stage, spent in seconds.items():
            self._stages[delegate, stage.value].observe(spent)

    def frames_abandoned(self, count: int, delegate: str) -> None:
        """Clients left before the answers to `count` frames."""
        self._frames[delegate, CANCELLED].inc(count)

    def engines(self, ready: Sequence[EngineReady], *, degraded: bool) -> None:
        """The engines that are ready now, and whether they are less than there could be."""
        self._engine_ready.labels(self._model).set(bool(ready))
        self._degraded.labels(self._model).set(degraded)
        self._delegate_info.clear()
        for each in ready:
            info = (self._model, each.delegate, each.runtime, str(each.threads))
            self._delegate_info.labels(*info).set(1)

    def limit_met(self, limit: str) -> None:
        """Something was refused, or a call was ended."""
        self._limits.labels(limit).inc()

    def engine_lost(self, cause: str) -> None:
        """An engine is gone."""
        self._restarts.labels(self._model, cause).inc()
