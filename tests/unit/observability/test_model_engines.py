"""What is degraded by the version that serves, beside its engines."""

from __future__ import annotations

from typing import cast

from prometheus_client import CollectorRegistry

from edgesegd.ipc.messages import EngineReady
from edgesegd.observability.delegate_metrics import ProbedCandidate
from edgesegd.observability.engine_processes import RunningEngine
from edgesegd.observability.health import Health
from edgesegd.observability.model_engines import EngineReporter, ModelEngines
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.supervision.engine_process import EngineProcess


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


async def test_what_was_probed_is_shown_of_the_version_that_serves() -> None:
    registry = CollectorRegistry()
    engines = ModelEngines(
        "rooms", ModelMetrics(ModelFamilies(registry), "rooms"), Health((), "rooms")
    )

    def probed(seconds: float) -> list[ProbedCandidate]:
        return [ProbedCandidate("cpu", 1, "chosen", True, seconds)]

    def shown() -> float | None:
        which = {"model": "rooms", "candidate": "0", "delegate": "cpu", "threads": "1"}
        return registry.get_sample_value("edgeseg_probe_invoke_seconds", which)

    engines.set_probed("1", probed(0.25))
    assert shown() is None, "version 1 is only being started"
    engines.serve("1")
    assert shown() == 0.25
    engines.set_probed("2", probed(0.5))
    engines.set_probed("1", probed(0.125))
    assert shown() == 0.125
    engines.serve("2")
    assert shown() == 0.5
    engines.set_probed("1", ())
    engines.serve("1")
    assert shown() is None, "it was not measured"


class Ready:
    """What is asked of an engine that is ready."""

    def __init__(self, delegate: str, pid: int) -> None:
        self.ready = EngineReady("", delegate, 0, 0, 1)
        self.pid = pid


async def test_a_lost_engine_keeps_its_number_and_a_closed_one_leaves_it_to_the_next() -> None:
    engines = ModelEngines(
        "rooms",
        ModelMetrics(ModelFamilies(CollectorRegistry()), "rooms"),
        Health((), "rooms"),
    )

    def become_ready(reporter: EngineReporter, delegate: str, pid: int) -> None:
        reporter.engine_ready(cast(EngineProcess, Ready(delegate, pid)), degraded=False)

    first, second, third = (engines.new_reporter() for _ in range(3))
    for number, reporter in enumerate((first, second, third)):
        become_ready(reporter, "edgetpu", 100 + number)
    first.engine_lost("crash")
    second.engine_closed()
    assert engines.running == [RunningEngine("rooms", "edgetpu", 2, 102)]
    become_ready(first, "cpu", 200)
    become_ready(engines.new_reporter(), "edgetpu", 201)
    assert sorted(engines.running, key=lambda each: each.number) == [
        RunningEngine("rooms", "cpu", 0, 200),
        RunningEngine("rooms", "edgetpu", 1, 201),
        RunningEngine("rooms", "edgetpu", 2, 102),
    ]


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
