"""Memory, CPU and descriptors of the processes of engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """An engine that is ready: its model, its delegate, its number and its process id.

    `number` is the smallest, from 0 on, that no other engine of the model had when the engine was
    added. One that replaces a lost engine has the same number.
    """

    model: str
    delegate: str
    number: int
    pid: int


class EngineProcessCollector(Collector):
    """The series `edgeseg_engine_process_*` of each of the `engines`, which are asked at a scrape.

    They are those that the client library has of a process as `process_*`. What the system does not
    say of a process, or of one that has just ended, is absent.
    """

    def __init__(self, engines: Callable[[], Iterable[RunningEngine]]) -> None:
        self._engines = engines

    def describe(self) -> Iterable[Metric]:
        """No names: they depend on the system, and nothing is asked before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families, each with a series for each engine."""
        families: dict[str, Metric] = {}
        for engine in self._engines():
            labels = {
                "model": engine.model,
                "delegate": engine.delegate,
                "engine": str(engine.number),
            }
            for family in _families_of(engine.pid):
                whole = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    whole.add_sample(sample.name, labels, sample.value)
        yield from families.values()


def _families_of(pid: int) -> Iterable[Metric]:
    one = CollectorRegistry()
    ProcessCollector(namespace="edgeseg_engine", pid=lambda: pid, registry=one)
    return one.collect()
