"""What observes the calls for frames: the log, and as configured metrics and traces."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from edgesegd.board.addresses import is_loopback
from edgesegd.config import AUTO, ON, Config
from edgesegd.core.call import CallObservers
from edgesegd.core.errors import ConfigError
from edgesegd.observability.call_log import CallLog
from edgesegd.observability.call_observers import AllObservers
from edgesegd.observability.stream_metrics import StreamMetrics

if TYPE_CHECKING:
    from edgesegd.observability.tracing.collector import Traces


class CallObservation:
    """The `observers` of calls; raises ConfigError if traces cannot be sent as configured."""

    def __init__(self, config: Config, registry: CollectorRegistry) -> None:
        observers: list[CallObservers] = [CallLog()]
        if counts_streams(config):
            observers.append(StreamMetrics(registry, config.stream_names))
        self._traces = _open_traces(config) if config.traces else None
        if self._traces is not None:
            observers.append(self._traces.calls)
        self.observers: CallObservers = AllObservers(observers)

    async def close(self) -> None:
        """Send the last traces."""
        if self._traces is not None:
            await self._traces.close()


def counts_streams(config: Config) -> bool:
    """Whether frames are counted by the names of streams."""
    if config.stream_metrics != AUTO:
        return config.stream_metrics == ON
    addresses = (*config.listen, *filter(None, (config.metrics_listen,)))
    return all(map(is_loopback, addresses))


def _open_traces(config: Config) -> Traces:
    try:
        parts = urlsplit(config.traces)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(
            f"traces is the address of a collector, http://HOST:PORT or https://HOST:PORT, not "
            f"{config.traces!r}"
        )
    try:
        from edgesegd.observability.tracing.collector import Traces  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"traces needs {error.name}: pip install 'edgeseg[otel]'") from None
    return Traces(config.traces, every=config.trace_every)
