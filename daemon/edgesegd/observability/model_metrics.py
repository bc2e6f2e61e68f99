"""The Prometheus metrics of each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edgesegd.core.errors import ClientError, EdgesegError, InvalidReason
from edgesegd.core.result import CANCELLED, FrameResult, Stage
from edgesegd.core.reuse import ReuseMode
from edgesegd.ipc.messages import EngineReady
from edgesegd.models.spec import ModelSpec
from edgesegd.observability.delegate_metrics import DelegateFamilies, DelegateMetrics
from edgesegd.observability.series import Series

BUCKETS = tuple(round(0.0001 * 1.8**n, 7) for n in range(20))
"""100 microseconds to 7 seconds; each is 1.8 times the one before, as in TensorFlow Serving."""
AGE_BUCKETS = tuple(round(0.001 * 1.8**n, 6) for n in range(19))
"""1 millisecond to 39 seconds, by the same factor."""
LOSSES = ("crash", "hang", "invoke", "nan", "constant", "drift", "check", "start", "fault")
"""The causes for which engines are replaced."""
SWAPS = ("ok", "failed")
"""The outcomes when another version should replace the one that serves."""

BY_MODEL = ("model", "delegate")


class ModelFamilies:
    """The metrics that have series for each model, in `registry`, by the label `model`.

    Series with an empty `model` count frames that named a model that is not served.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"edgeseg_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"edgeseg_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"edgeseg_{name}", text, labels, buckets=BUCKETS, registry=registry)

        self.frames = counter("frames", "Frames by outcome.", *BY_MODEL, "outcome")
        self.invalid = counter(
            "invalid_frames", "Frames with the outcome invalid, by reason.", "model", "reason"
        )
        self.reused = counter(
            "frames_reused",
            "Frames that got the result of an earlier frame, by reason.",
            *("model", "reason"),
        )
        self.stages = histogram(
            "stage_seconds",
            "Time that segmented frames spent in each stage.",
            *(*BY_MODEL, "stage"),
        )
        self.latency = histogram(
            "frame_seconds",
            "Time from the reception of segmented frames to their responses.",
            *BY_MODEL,
        )
        self.ages = Histogram(
            "edgeseg_frame_age_seconds",
            "Time from the capture of segmented frames, where clients say when it was, to their "
            "responses, without the time on the network.",
            BY_MODEL,
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        self.restarts = counter(
            "engine_restarts",
            "Engines that were lost, or did not start in place of a lost one or for a model that "
            "slept, by cause.",
            *("model", "cause"),
        )
        self.swaps = counter(
            "model_swaps",
            "Attempts to replace the version that serves, by result.",
            *("model", "result"),
        )
        self.engine_ready = gauge("engine_ready", "1 while an engine is ready.", "model")
        self.degraded = gauge(
            "degraded",
            "1 while a better delegate, or the delegate of an extra engine, is unhealthy, or while "
            "a model for an Edge TPU has none, so that its twin runs.",
            "model",
        )
        self.delegate_info = gauge(
            "delegate_info",
            "Delegate and runtime of each ready engine.",
            *(*BY_MODEL, "runtime", "threads"),
        )
        self.model_info = gauge(
            "model_info", "The models that are served.", "model", "version", "input", "output"
        )
        self.start_time = gauge(
            "model_start_time_seconds",
            "When the version that is served began to be, in seconds since 1970.",
            "model",
        )
        self.asleep = gauge(
            "model_asleep",
            "1 while the model has no engine because it has no frames.",
            "model",
        )
        self.queue_depth = gauge("queue_depth", "Frames that wait for an engine.", "model")
        self.in_flight = gauge(
            "frames_in_flight", "Frames that engines have, decoded or segmented.", "model"
        )
        self.streams = gauge("streams", "Open streams.", "model")
        self.delegates = DelegateFamilies(registry)


class ModelMetrics:
    """The series of the model called `name`; `delegates` are those of its delegates."""

    def __init__(self, families: ModelFamilies, name: str) -> None:
        self.delegates = DelegateMetrics(families.delegates, name)
        self._frames = Series(families.frames, name)
        self._invalid = Series(families.invalid, name)
        self._reused = Series(families.reused, name)
        self._stages = Series(families.stages, name)
        self._latency = Series(families.latency, name)
        self._ages = Series(families.ages, name)
        self._restarts = Series(families.restarts, name)
        self._swaps = Series(families.swaps, name)
        self._engine_ready = Series(families.engine_ready, name)
        self._degraded = Series(families.degraded, name)
        self._delegate_info = Series(families.delegate_info, name)
        self._model_info = Series(families.model_info, name)
        self._start_time = Series(families.start_time, name)
        self._asleep = Series(families.asleep, name)
        self._queue_depth = Series(families.queue_depth, name)
        self._in_flight = Series(families.in_flight, name)
        self._streams = Series(families.streams, name)

    def expose(
        self,
        *,
        queue_depth: Callable[[], int],
        in_flight: Callable[[], int],
        streams: Callable[[], int],
    ) -> None:
        """Create the model's series, so that those that alerts watch exist before the first event.

        `queue_depth`, `in_flight` and `streams` are read at each scrape.
        """
        self._engine_ready[()].set(0)
        self._degraded[()].set(0)
        self._asleep[()].set(0)
        for cause in LOSSES:
            self._restarts[(cause,)].inc(0)
        for reason in InvalidReason:
            self._invalid[(reason.value,)].inc(0)
        for mode in ReuseMode:
            self._reused[(mode.value,)].inc(0)
        for result in SWAPS:
            self._swaps[(result,)].inc(0)
        self._queue_depth[()].set_function(queue_depth)
        self._in_flight[()].set_function(in_flight)
        self._streams[()].set_function(streams)

    def serves(self, model: ModelSpec) -> None:
        """The version `model` serves from now on."""
        self._start_time[()].set(time.time())
        self._model_info.remove_all()
        self.delegates.begin_version()
        width, height = model.output_size
        output = f"{width}x{height} {model.output_kind.value}"
        self._model_info[model.version, "{}x{}".format(*model.input_size), output].set(1)

    def forget(self) -> None:
        """Remove all series of the model, which is no longer served."""
        for series in vars(self).values():
            series.end()

    def swapped(self, *, succeeded: bool) -> None:
        """Another version replaced the one that serves, or could not (`succeeded` is False)."""
        self._swaps[(SWAPS[not succeeded],)].inc()

    def frame_answered(
        self,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
        delegate: str,
        age: float | None = None,
    ) -> None:
        """A frame's response is sent; `total` is its total time in seconds.

        `age` is the time since its capture in seconds, None if it is not known.
        """
        self._frames[delegate, outcome.outcome].inc()
        if isinstance(outcome, EdgesegError):
            if isinstance(outcome, ClientError) and outcome.outcome == ClientError.outcome:
                self._invalid[(outcome.reason.value,)].inc()
            return
        if outcome.reused is not None:
            self._reused[(outcome.reused.reason.value,)].inc()
        self._latency[(delegate,)].observe(total)
        if age is not None:
            self._ages[(delegate,)].observe(age)
        for stage, spent in seconds.items():
            self._stages[delegate, stage.value].observe(spent)

    def frames_abandoned(self, count: int, delegate: str) -> None:
        """Clients left before the answers to `count` frames."""
        self._frames[delegate, CANCELLED].inc(count)

    def engines(
        self, ready: Sequence[EngineReady], *, degraded: bool, asleep: bool = False
    ) -> None:
        """Set which engines are ready, and whether a better delegate is unhealthy.

        `asleep` is whether there is none because there are no frames.
        """
        self._engine_ready[()].set(bool(ready))
        self._degraded[()].set(degraded)
        self._asleep[()].set(asleep)
        self._delegate_info.remove_all()
        self.delegates.serve(each.delegate for each in ready)
        for each in ready:
            self._delegate_info[each.delegate, each.runtime, str(each.threads)].set(1)

    def engine_lost(self, cause: str) -> None:
        """An engine was lost, or did not start."""
        self._restarts[(cause,)].inc()
