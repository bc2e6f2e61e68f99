"""Builds the parts of one model: its engines, the choice of its delegates, metrics and health."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edgesegd.access.private_files import private_files
from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.composition.probed_candidates import probed_candidates
from edgesegd.config import Config
from edgesegd.core.frame import FrameLimits
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.models.kept import KeptModel
from edgesegd.models.pair import ModelPair
from edgesegd.models.spec import ModelSpec
from edgesegd.observability.engine_processes import RunningEngine
from edgesegd.observability.frame_metrics import FrameMetrics
from edgesegd.observability.health import Health
from edgesegd.observability.model_engines import ModelEngines
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.probe.choice import Chooser
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.delegate_log import DelegateLog
from edgesegd.probe.report import Finding
from edgesegd.probe.upkeep import ChoiceUpkeep, quiet_seconds
from edgesegd.scheduling.accounts import Accounts
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.serving.model_runner import ModelRunner
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel
from edgesegd.serving.version_engines import EngineSettings, VersionEngines
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.supervision.engine_child import EarlyEngine
from edgesegd.supervision.sandbox_log import SandboxLog

log = logging.getLogger(__name__)


class ModelFactory:
    """Makes the runner of a model, with the parts that all models of the daemon share.

    `on_use` is called whenever memory was used, `on_limit` with the name of a limit that was met.
    `streams` returns how many streams of a model are open; `work_clock` measures the engines' work.
    `on_change` is called when a model, its version or what runs it has changed, just before a new
    model is found by its name.
    """

    def __init__(
        self,
        config: Config,
        *,
        registry: ModelRegistry,
        limits: FrameLimits,
        reserve: DescriptorReserve,
        early: EarlyEngine,
        families: ModelFamilies,
        health: Health,
        on_use: Callable[[], None],
        on_limit: Callable[[str], None],
        streams: Callable[[ServedModel], int],
        work_clock: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self._config = config
        self._registry = registry
        self._limits = limits
        self._reserve = reserve
        self._early = early
        self._families = families
        self._health = health
        self._on_use = on_use
        self._on_limit = on_limit
        self._streams = streams
        self._work_clock = work_clock
        self._on_change = on_change
        self._leases = DeviceLeases()
        self._cores = Cores()
        self._accounts = Accounts()
        self._probes = asyncio.Lock()
        self._delegate_log = DelegateLog()
        self._sandbox_log = SandboxLog()
        self._watched: dict[str, _Watched] = {}
        self._settings = EngineSettings(
            runtime=config.runtime,
            threads=config.threads,
            decode_seconds=config.decode_seconds,
            check_every=config.check_every,
            start_seconds=config.engine_start_seconds,
            answer_seconds=config.engine_answer_seconds,
            cool_down=config.delegate_cool_down_seconds,
            optimize=config.optimize,
            replica_bytes=config.replica_bytes,
            reuse_bytes=config.reuse_bytes,
            sandbox=config.sandbox,
            private=private_files(config.data_dir, config.tls_key, config.tokens),
        )

    def make_runner(self, kept: KeptModel) -> ModelRunner:
        """The runner of a model; nothing is started yet."""
        name = kept.pair.served.name
        metrics = ModelMetrics(self._families, name)
        engines = ModelEngines(name, metrics, self._health, self._on_change)
        scheduler = Scheduler(self._accounts, work_clock=self._work_clock)
        model = ServedModel(
            kept.pair.served,
            scheduler,
            FrameMetrics(
                metrics,
                delegate=lambda: engines.delegate,
                memory_used=self._on_use,
                limit_met=self._on_limit,
            ),
            ready=lambda: engines.ready,
            serves=lambda: engines.serves,
            degraded=lambda: engines.degraded,
        )
        metrics.expose(
            queue_depth=lambda: scheduler.depth,
            in_flight=lambda: scheduler.in_engines,
            streams=lambda: self._streams(model),
        )
        self._watched[name] = watched = _Watched(metrics, engines)
        return ModelRunner(
            model,
            kept,
            make_version=partial(self._make_version, scheduler, engines),
            observer=watched,
            idle_seconds=self._config.idle_unload,
        )

    async def forget(self, name: str) -> None:
        """Remove the metrics and the health of a model that is no longer served."""
        watched = self._watched.pop(name)
        watched.metrics.forget()
        await self._health.remove_model(name)
        self._on_change()

    def release_memory(self) -> None:
        """Return the memory of all engines' free slots to the system."""
        for watched in self._watched.values():
            watched.engines.release_memory()

    def engines(self) -> list[RunningEngine]:
        """The engines of all models that are ready; any thread may ask."""
        return [engine for each in tuple(self._watched.values()) for engine in each.engines.running]

    def _make_version(
        self,
        scheduler: Scheduler,
        engines: ModelEngines,
        kept: KeptModel,
        inherited: Selection | None,
    ) -> VersionEngines:
        pair = kept.pair
        for note in pair.served.notes:
            log.warning("model %s: %s", pair.served.name, note)
        if pair.ignored:
            log.info("not used as the second file of a pair: %s", pair.ignored)
        config = self._config
        chooser = Chooser(
            pair,
            runtime=config.runtime,
            threads=config.threads,
            extra=config.candidates,
            folder=Path(config.data_dir),
            exclusive=self._registry.moment_without_frames,
            frames=lambda: self._registry.frames,
            in_use=self._leases.in_use,
            delegate_log=self._delegate_log,
            sandbox=config.sandbox,
        )
        forced = config.forced_delegate
        remembered = None if forced else chooser.remembered()
        unproven = not forced and remembered is None and inherited is not None
        if unproven and inherited is not None:
            remembered = StoredChoice(inherited, "it was not measured with this version", 0.0)

        def report(findings: Sequence[Finding]) -> None:
            engines.set_probed(pair.served.version, probed_candidates(findings))
            self._report_twin(pair, chooser, engines, findings)

        def select(chosen: StoredChoice) -> None:
            version.select(chosen.selection)
            report(chosen.findings)

        report(remembered.findings if remembered else ())
        upkeep = ChoiceUpkeep(
            chooser,
            remembered,
            select=select,
            unused=self._registry.unused,
            quiet_seconds=quiet_seconds(config.idle_unload),
            probes=self._probes,
        )
        given = Selection(((forced or DelegateSpec(), config.threads),))
        version = VersionEngines(
            kept,
            remembered.selection if remembered else given,
            unproven=unproven,
            scheduler=scheduler,
            limits=self._limits,
            settings=self._settings,
            leases=self._leases,
            cores=self._cores,
            reserve=self._reserve,
            observe=engines.new_reporter,
            engine_pid=lambda: engines.pid,
            take_child=self._early.take,
            prove=chooser.prove,
            on_invoke=upkeep.observe,
            on_check=engines.delegate_checked,
            keep_choice=None if forced else upkeep.run,
            wait_until_chosen=_at_once if forced else upkeep.wait_until_chosen,
            sandbox_log=self._sandbox_log,
        )
        return version

    def _report_twin(
        self,
        pair: ModelPair,
        chooser: Chooser,
        engines: ModelEngines,
        findings: Sequence[Finding],
    ) -> None:
        """Report whether the twin of a model for an Edge TPU has to run.

        That is degraded service, unless the operator forced the delegate that runs it.
        """
        served, twin, forced = pair.served, pair.plain, self._config.forced_delegate
        if twin is None or twin is served:
            return
        if forced is not None:
            if pair.for_delegate(forced) is twin:
                log.info("model %s: %s runs its twin %s", served.name, forced.name, twin.path)
            return
        why = chooser.why_twin(findings)
        engines.set_twin_serves(served.version, serves=bool(why))
        if why:
            self._delegate_log.twin_serves(served.name, twin.path, why)


async def _at_once() -> None:
    """Nothing is tried."""


class _Watched:
    """Reports one model in metrics and health, as a RunnerObserver."""

    def __init__(self, metrics: ModelMetrics, engines: ModelEngines) -> None:
        self.metrics = metrics
        self.engines = engines

    def tries(self, model: ModelSpec) -> None:
        """The version `model` is being started, to replace another one if it can serve."""
        self.engines.tries(model.version)

    def serves(self, model: ModelSpec) -> None:
        """The version `model` serves from now on."""
        self.metrics.serves(model)
        self.engines.serve(model.version)

    def sleeps(self, asleep: bool) -> None:
        """The model has no engine any more because it has no frames, or has one again."""
        self.engines.asleep = asleep
        self.engines.report()

    def start_failed(self) -> None:
        """The model has frames, and no engine can be started for them."""
        self.engines.asleep = False
        self.engines.engine_lost("start")

    def swapped(self, *, succeeded: bool) -> None:
        """Another version replaced the one that serves, or could not (`succeeded` is False)."""
        self.metrics.swapped(succeeded=succeeded)
