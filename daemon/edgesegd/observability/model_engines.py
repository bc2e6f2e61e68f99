"""All engines of one model, as health and metrics see them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.ipc.messages import EngineReady
from edgesegd.observability.delegate_metrics import ProbedCandidate
from edgesegd.observability.engine_processes import RunningEngine
from edgesegd.observability.health import Health, ModelHealth
from edgesegd.observability.model_metrics import ModelMetrics
from edgesegd.supervision.engine_process import EngineProcess


class ModelEngines:
    """The engines of one model; `delegate` is that of the engine that was ready last.

    `version` is the version of the model that serves. While the model is `asleep` it has no engine;
    the next frame starts one. `on_change` is called when any of this has changed.
    """

    def __init__(
        self,
        name: str,
        metrics: ModelMetrics,
        health: Health,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.delegate = ""
        self.version = ""
        self.asleep = False
        self._twin_serves: set[str] = set()
        self._probed: tuple[str, Sequence[ProbedCandidate]] = ("", ())
        self._name = name
        self._metrics = metrics
        self._health = health
        self._on_change = on_change
        self._reporters: list[EngineReporter] = []
        self._reports = BackgroundTasks()

    def new_reporter(self) -> EngineReporter:
        """The observer of one more engine and of those that replace it."""
        taken = {each.number for each in self._reporters}
        number = next(each for each in itertools.count() if each not in taken)
        self._reporters.append(EngineReporter(self, number))
        return self._reporters[-1]

    @property
    def ready(self) -> EngineReady | None:
        """What the first ready engine reported about itself; None if no engine is ready."""
        return next(self._ready(), None)

    @property
    def serves(self) -> bool:
        """Whether frames are accepted: an engine is ready, or the next frame starts one."""
        return self.asleep or self.ready is not None

    @property
    def degraded(self) -> bool:
        """Whether any engine is reported as degraded, or a twin serves instead of its model."""
        return self.version in self._twin_serves or any(each.degraded for each in self._reporters)

    @property
    def pid(self) -> int | None:
        """The process id of the first ready engine."""
        return next((each.engine.pid for each in self._reporters if each.engine), None)

    @property
    def running(self) -> list[RunningEngine]:
        """The engines that are ready; any thread may ask."""
        return [
            RunningEngine(self._name, engine.ready.delegate, each.number, engine.pid)
            for each in tuple(self._reporters)
            if (engine := each.engine) is not None
        ]

    def release_memory(self) -> None:
        """Return the memory of all engines' free slots to the system."""
        for each in self._reporters:
            if each.engine is not None:
                each.engine.release_memory()

    def set_twin_serves(self, version: str, *, serves: bool) -> None:
        """Set whether the twin of a `version` for an Edge TPU has to run, which is degraded."""
        if serves:
            self._twin_serves.add(version)
        else:
            self._twin_serves.discard(version)
        if version == self.version:
            self.report()

    def set_probed(self, version: str, candidates: Sequence[ProbedCandidate]) -> None:
        """Set what was tried for the choice of a `version`, which serves or is being started."""
        if version == self.version:
            self._metrics.delegates.probed(candidates)
        else:
            self._probed = version, candidates

    def serve(self, version: str) -> None:
        """The `version` serves from now on."""
        probed_version, candidates = self._probed
        if version == probed_version:
            self._metrics.delegates.probed(candidates)
        self.version = version
        self.report()

    def tries(self, version: str) -> None:
        """Another version than the one that serves is being started."""
        if version != self.version:
            self._reports.start(self._health.try_version(self._name, version))

    def engine_ready(self, engine: EngineProcess) -> None:
        """An engine is ready."""
        self.delegate = engine.ready.delegate
        self.report()

    def engine_lost(self, cause: str) -> None:
        """An engine was lost, or could not be started."""
        self._metrics.engine_lost(cause)
        self.report()

    def delegate_checked(self, delegate: str, check: DelegateCheck) -> None:
        """A frame that a delegate ran was compared with the CPU."""
        self._metrics.delegates.checked(delegate, check)

    def forget(self, reporter: EngineReporter) -> None:
        """Remove the observer of an engine that is closed and not replaced."""
        self._reporters.remove(reporter)
        self.report()

    def _ready(self) -> Iterator[EngineReady]:
        return (each.engine.ready for each in self._reporters if each.engine)

    def report(self) -> None:
        """Report the present state to metrics and health."""
        ready = list(self._ready())
        self._metrics.engines(ready, degraded=self.degraded, asleep=self.asleep)
        health = ModelHealth(self.version, self.serves, self.degraded and not self.asleep)
        self._reports.start(self._health.set_model(self._name, health))
        self._on_change()


class EngineReporter:
    """The observer of a `Failover` or of a replica; `engine` is None while it has no engine.

    `number` is its own as long as it is not closed.
    """

    def __init__(self, engines: ModelEngines, number: int) -> None:
        self.number = number
        self.engine: EngineProcess | None = None
        self.degraded = False
        self._engines = engines

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        """An engine is ready; `degraded` says whether a better delegate has failed."""
        self.engine, self.degraded = engine, degraded
        self._engines.engine_ready(engine)

    def engine_degraded(self, degraded: bool) -> None:
        """`degraded` has changed, and no other engine is ready."""
        self.degraded = degraded
        self._engines.report()

    def engine_lost(self, cause: str) -> None:
        """The engine was lost, or could not be started; `engine_degraded` says what that means."""
        self.engine = None
        self._engines.engine_lost(cause)

    def engine_closed(self) -> None:
        """The engine is closed, and no other replaces it."""
        self.engine = None
        self._engines.forget(self)
