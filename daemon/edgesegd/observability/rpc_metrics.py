"""The metrics of calls and their messages, named as those of go-grpc-prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from edgesegd.core.rpc import UNARY, RpcCounter, RpcMethod
from edgesegd.observability.model_metrics import BUCKETS

BY_METHOD = ("grpc_type", "grpc_service", "grpc_method")
"""The labels of every series here. Source: github.com/grpc-ecosystem/go-grpc-prometheus, README."""


class RpcMetrics(Collector):
    """The series of all methods in `registry`; those of a method exist from its first call on.

    Messages are counted in plain numbers, which are read at each scrape: a counter of
    prometheus_client takes a lock, which would cost more than all the rest for each message.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._methods: dict[RpcMethod, _MethodCounter] = {}
        self._handling = Histogram(
            "grpc_server_handling_seconds",
            "Time from the beginning of unary calls to their end.",
            BY_METHOD,
            buckets=BUCKETS,
            registry=registry,
        )
        registry.register(self)

    def of(self, method: RpcMethod) -> _MethodCounter:
        """The counter of a method, always the same one."""
        if method not in self._methods:
            self._methods[method] = _MethodCounter(self._observer(method))
        return self._methods[method]

    def _observer(self, method: RpcMethod) -> Callable[[float], None] | None:
        if method.kind != UNARY:
            return None
        return self._handling.labels(*_labels(method)).observe

    def describe(self) -> Iterator[Metric]:
        """The families, without series."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """The families with their series now."""
        started, received, sent, received_bytes, sent_bytes, handled = families = self._families()
        for method, counted in tuple(self._methods.items()):
            labels = _labels(method)
            started.add_metric(labels, counted.calls)
            received.add_metric(labels, counted.messages_received)
            sent.add_metric(labels, counted.messages_sent)
            received_bytes.add_metric(labels, counted.bytes_received)
            sent_bytes.add_metric(labels, counted.bytes_sent)
            for code, calls in tuple(counted.by_code.items()):
                handled.add_metric([*labels, code], calls)
        yield from families

    def _families(self) -> list[CounterMetricFamily]:
        def family(name: str, text: str, *labels: str) -> CounterMetricFamily:
            return CounterMetricFamily(name, text, labels=(*BY_METHOD, *labels))

        return [
            family("grpc_server_started", "Calls that have begun."),
            family("grpc_server_msg_received", "Messages received from clients."),
            family("grpc_server_msg_sent", "Messages sent to clients."),
            family(
                "edgeseg_received_bytes",
                "Bytes of the messages received, without what is in shared memory.",
            ),
            family(
                "edgeseg_sent_bytes",
                "Bytes of the messages sent, without what is in shared memory.",
            ),
            family("grpc_server_handled", "Calls that have ended, by status.", "grpc_code"),
        ]


class _MethodCounter(RpcCounter):
    """Counts the calls of one method; `observe` is called with the seconds of each, if given."""

    __slots__ = (
        "_observe",
        "by_code",
        "bytes_received",
        "bytes_sent",
        "calls",
        "messages_received",
        "messages_sent",
    )

    def __init__(self, observe: Callable[[float], None] | None) -> None:
        self._observe = observe
        self.calls = self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0
        self.by_code: Counter[str] = Counter()

    def started(self) -> None:
        """A call has begun."""
        self.calls += 1

    def received(self, size: int) -> None:
        """A message was received."""
        self.messages_received += 1
        self.bytes_received += size

    def sent(self, size: int) -> None:
        """A message was handed to gRPC."""
        self.messages_sent += 1
        self.bytes_sent += size

    def handled(self, code: str, seconds: float) -> None:
        """A call has ended."""
        self.by_code[code] += 1
        if self._observe is not None:
            self._observe(seconds)


def _labels(method: RpcMethod) -> list[str]:
    return [method.kind, method.service, method.name]
