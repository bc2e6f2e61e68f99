"""The counters of calls and messages, as Prometheus gets them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edgesegd.core.rpc import UNARY, RpcMethod
from edgesegd.observability.rpc_metrics import RpcMetrics

CHECK = RpcMethod("grpc.health.v1.Health", "Check", UNARY)
WATCH = RpcMethod("grpc.health.v1.Health", "Watch", "server_stream")
METHOD = {"grpc_type", "grpc_service", "grpc_method"}
GOLDEN = {
    "edgeseg_received_bytes": ("counter", METHOD),
    "edgeseg_sent_bytes": ("counter", METHOD),
    "grpc_server_handled": ("counter", METHOD | {"grpc_code"}),
    "grpc_server_handling_seconds": ("histogram", METHOD),
    "grpc_server_msg_received": ("counter", METHOD),
    "grpc_server_msg_sent": ("counter", METHOD),
    "grpc_server_started": ("counter", METHOD),
}
"""Each family after a call of each kind, its type and its labels."""


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, method: RpcMethod, **labels: str) -> float | None:
    who = {"grpc_type": method.kind, "grpc_service": method.service, "grpc_method": method.name}
    return registry.get_sample_value(name, {**who, **labels})


def test_the_families_have_the_names_and_labels_of_go_grpc_prometheus(
    registry: CollectorRegistry,
) -> None:
    metrics = RpcMetrics(registry)
    for method in (CHECK, WATCH):
        metrics.of(method).started()
        metrics.of(method).handled("OK", 0.5)
    found = {
        family.name: (
            family.type,
            {label for each in family.samples for label in each.labels} - {"le"},
        )
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        if not family.name.endswith("_created")
    }
    assert found == GOLDEN


def test_each_method_is_counted_apart(registry: CollectorRegistry) -> None:
    metrics = RpcMetrics(registry)
    check, watch = metrics.of(CHECK), metrics.of(WATCH)
    for size in (10, 200):
        check.started()
        check.received(size)
        check.sent(1000)
    check.handled("OK", 0.25)
    check.handled("NOT_FOUND", 0.5)
    watch.started()
    watch.sent(7)
    assert metrics.of(CHECK) is check
    for name, expected in (
        ("grpc_server_started_total", 2),
        ("grpc_server_msg_received_total", 2),
        ("grpc_server_msg_sent_total", 2),
        ("edgeseg_received_bytes_total", 210),
        ("edgeseg_sent_bytes_total", 2000),
        ("grpc_server_handling_seconds_count", 2),
        ("grpc_server_handling_seconds_sum", 0.75),
    ):
        assert value(registry, name, CHECK) == expected, name
    assert value(registry, "grpc_server_handled_total", CHECK, grpc_code="OK") == 1
    assert value(registry, "grpc_server_handled_total", CHECK, grpc_code="NOT_FOUND") == 1
    assert value(registry, "grpc_server_started_total", WATCH) == 1
    assert value(registry, "edgeseg_sent_bytes_total", WATCH) == 7
    assert value(registry, "grpc_server_handled_total", WATCH, grpc_code="OK") is None


def test_only_unary_calls_are_timed_because_a_stream_lasts_as_long_as_its_client_likes(
    registry: CollectorRegistry,
) -> None:
    metrics = RpcMetrics(registry)
    for method in (CHECK, WATCH):
        metrics.of(method).handled("OK", 0.25)
    assert value(registry, "grpc_server_handling_seconds_count", CHECK) == 1
    assert value(registry, "grpc_server_handling_seconds_count", WATCH) is None
    assert value(registry, "grpc_server_handled_total", WATCH, grpc_code="OK") == 1


def test_the_names_cannot_be_given_to_another_metric(registry: CollectorRegistry) -> None:
    RpcMetrics(registry)
    with pytest.raises(ValueError, match="grpc_server_started"):
        Counter("grpc_server_started", "Another.", registry=registry)
