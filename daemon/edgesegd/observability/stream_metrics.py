"""Counts the frames of streams by the names that clients give them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from edgesegd.core.call import NOT_OBSERVED, AnsweredFrame, CallInfo, CallObserver
from edgesegd.core.result import CANCELLED

OTHER = "other"
"""The label of all streams whose names came too late; a stream of that name is one of them."""


class StreamMetrics:
    """Counts the frames of named streams in `registry`.

    The first `max_names` names that have frames get series of their own, the streams of further
    ones are counted together: clients choose the names, and each is a series for ever.
    """

    def __init__(self, registry: CollectorRegistry, max_names: int) -> None:
        self._frames = Counter(
            "edgeseg_stream_frames",
            "Frames of named streams by outcome.",
            ["stream", "outcome"],
            registry=registry,
        )
        self._series: dict[tuple[str, str], Counter] = {}
        """By name and outcome: finding one in the metric takes longer."""
        self._max_names = max_names
        self._names: set[str] = set()

    def begin(self, call: CallInfo) -> CallObserver:
        """A call begins; streams without a name are not observed."""
        return _NamedStream(self, call.stream_name) if call.stream_name else NOT_OBSERVED

    def count(self, name: str, outcome: str, frames: int) -> None:
        """Count frames of the stream called `name`."""
        labels = self._label(name), outcome
        if labels not in self._series:
            self._series[labels] = self._frames.labels(*labels)
        self._series[labels].inc(frames)

    def _label(self, name: str) -> str:
        if name not in self._names and name != OTHER:
            if len(self._names) >= self._max_names:
                return OTHER
            self._names.add(name)
        return name


class _NamedStream(CallObserver):
    """One stream; it has series from its first frame on, and for ever."""

    def __init__(self, metrics: StreamMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name

    def frame_answered(self, frame: AnsweredFrame) -> None:
        self._metrics.count(self._name, frame.outcome.outcome, 1)

    def frames_abandoned(self, count: int) -> None:
        if count:
            self._metrics.count(self._name, CANCELLED, count)
