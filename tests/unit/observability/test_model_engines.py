"""What is degraded by the version that serves, beside its engines."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from edgesegd.observability.health import Health
from edgesegd.observability.model_engines import ModelEngines
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics


async def test_a_twin_that_serves_degrades_only_the_version_for_the_edge_tpu() -> None:
    registry = CollectorRegistry()
    engines = ModelEngines(
        "rooms", ModelMetrics(ModelFamilies(registry), "rooms"), Health((), "rooms")
    )

    def degraded() -> float | None:
        return registry.get_sample_value("edgeseg_degraded", {"model": "rooms"})

    def serve(version: str) -> None:
        engines.version = version
        engines.report()

    serve("1")
    engines.set_twin_serves("2", serves=True)
    assert degraded() == 0, "version 2 is only being started"
    serve("2")
    assert degraded() == 1
    serve("1")
    assert degraded() == 0
    serve("2")
    engines.set_twin_serves("2", serves=False)
    assert degraded() == 0
    engines.set_twin_serves("2", serves=True)
    assert degraded() == 1


async def test_what_is_announced_of_a_model_is_reported_when_it_changes() -> None:
    seen: list[tuple[str, bool]] = []
    engines = ModelEngines(
        "rooms",
        ModelMetrics(ModelFamilies(CollectorRegistry()), "rooms"),
        Health((), "rooms"),
        lambda: seen.append((engines.version, engines.degraded)),
    )
    engines.version = "1"
    engines.report()
    reporter = engines.new_reporter()
    reporter.engine_degraded(degraded=True)
    reporter.engine_lost("crash")
    reporter.engine_closed()
    assert seen == [("1", False), ("1", True), ("1", True), ("1", False)]
