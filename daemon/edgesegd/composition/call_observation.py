"""What observes the calls for frames: the log, and as configured metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from edgesegd.board.addresses import is_loopback
from edgesegd.config import AUTO, ON, Config
from edgesegd.core.call import CallObservers
from edgesegd.observability.call_log import CallLog
from edgesegd.observability.call_observers import AllObservers
from edgesegd.observability.stream_metrics import StreamMetrics


class CallObservation:
    """The `observers` of calls."""

    def __init__(self, config: Config, registry: CollectorRegistry) -> None:
        observers: list[CallObservers] = [CallLog()]
        if counts_streams(config):
            observers.append(StreamMetrics(registry, config.stream_names))
        self.observers: CallObservers = AllObservers(observers)


def counts_streams(config: Config) -> bool:
    """Whether frames are counted by the names of streams."""
    if config.stream_metrics != AUTO:
        return config.stream_metrics == ON
    addresses = (*config.listen, *filter(None, (config.metrics_listen,)))
    return all(map(is_loopback, addresses))
