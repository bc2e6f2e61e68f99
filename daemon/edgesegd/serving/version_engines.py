"""The engines that run one version of a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import partial

from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.board.memory import free_memory, private_memory
from edgesegd.board.threads import count_cores
from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.frame import FrameLimits
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice
from edgesegd.ipc.messages import EngineSetup
from edgesegd.models.kept import KeptModel
from edgesegd.models.spec_message import to_message
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.delegate_ranking import BlameFrame, DelegateRanking, RankedDelegate
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.supervision.engine_child import EngineChild
from edgesegd.supervision.engine_observer import EngineObserver
from edgesegd.supervision.engine_pool import EnginePool, GiveUp
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.failover import Failover
from edgesegd.supervision.replica_controller import ReplicaController, plan_replicas, replica_budget
from edgesegd.supervision.sandbox_log import SandboxLog
from edgesegd.supervision.supervisor import Supervisor

PROOF_WAIT_SECONDS = 5.0
"""How long to wait for the device of an engine that is about to end."""
ENGINE_SLOTS = 2
"""Frames that an engine may hold: one is invoked while the next is decoded."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How engines are run, for every delegate; names and units are those of the options.

    `optimize` is "auto", "latency" or "throughput". `private` are files and folders that engines
    must not be able to read.
    """

    runtime: str
    threads: int
    decode_seconds: float
    check_every: int
    start_seconds: float
    answer_seconds: float
    cool_down: float
    optimize: str
    replica_bytes: int
    reuse_bytes: int
    sandbox: str
    private: tuple[str, ...]


class VersionEngines:
    """Serves the frames of `scheduler` with engines for `selection`, until others are selected.

    `kept` is the version. If the selection is `unproven`, accelerators are proven before they
    serve. `observe` makes the observer of one more engine. `engine_pid` returns the process id of a
    ready engine. `prove` tries a delegate that failed before. `on_invoke` is called after each
    invoke, with the choice that ran it and its seconds, `on_check` with the name of a delegate
    after each check of it. `keep_choice` updates the selection while the version serves; None if
    the selection is forced. `wait_until_chosen` waits while delegates are tried.
    """

    def __init__(
        self,
        kept: KeptModel,
        selection: Selection,
        *,
        unproven: bool,
        scheduler: Scheduler,
        limits: FrameLimits,
        settings: EngineSettings,
        leases: DeviceLeases,
        cores: Cores,
        reserve: DescriptorReserve,
        observe: Callable[[], EngineObserver],
        engine_pid: Callable[[], int | None],
        take_child: Callable[[], EngineChild | None],
        prove: Callable[[Choice], Awaitable[None]],
        on_invoke: Callable[[Choice, float], None],
        on_check: Callable[[str, DelegateCheck], None],
        keep_choice: Callable[[], Coroutine[object, object, None]] | None,
        wait_until_chosen: Callable[[], Awaitable[None]],
        sandbox_log: SandboxLog,
    ) -> None:
        self.kept = kept
        self.pair = kept.pair
        self.selection = selection
        self._unproven = unproven
        self._model = self.pair.served.identity
        self._keep_choice = keep_choice
        self.wait_until_chosen = wait_until_chosen
        self._sandbox_log = sandbox_log
        self._scheduler = scheduler
        self._limits = limits
        self._settings = settings
        self._leases = leases
        self._cores = cores
        self._reserve = reserve
        self._observe = observe
        self._engine_pid = engine_pid
        self._take_child = take_child
        self._prove = prove
        self._on_invoke = on_invoke
        self._on_check = on_check
        self._spreads = settings.optimize == "throughput"
        self._replicas = ReplicaController(
            scheduler=scheduler,
            afford=self._afford_replicas,
            start_engine=partial(
                self._start_engine, seconds=settings.start_seconds, is_replica=True
            ),
            observe=observe,
            blame_frame=self._blame_frame,
            answer_seconds=settings.answer_seconds,
            cores=cores,
            model=self._model,
        )
        self._pool = EnginePool(
            self._optimized(selection),
            supervise=self._supervise,
            scheduler=scheduler,
            replicas=self._replicas if settings.optimize == "auto" else None,
        )

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        await self._pool.start()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pool.run())
            if self._keep_choice is not None:
                group.create_task(self._keep_choice())

    async def retire(self) -> None:
        """Take no more frames, and wait until those in engines are answered."""
        await self._pool.retire()

    async def close(self) -> None:
        """End all engines that `run` does not end."""
        await self._pool.close()

    def select(self, selection: Selection) -> None:
        """Use these delegates from now on, between two frames."""
        self.selection = selection
        self._pool.select(self._optimized(selection))

    def _optimized(self, selection: Selection) -> Selection:
        """The selection, with several engines on the CPU if the operator wants throughput."""
        if not self._spreads:
            return selection
        return selection.spread(count_cores(), self._settings.threads or 1)

    def _supervise(
        self, choices: list[Choice], give_up: GiveUp, blame_frame: BlameFrame
    ) -> Supervisor:
        settings = self._settings
        failover = Failover(
            ranking=DelegateRanking(choices, cool_down=settings.cool_down, unproven=self._unproven),
            start_engine=self._start_engine,
            start_seconds=settings.start_seconds,
            prove=self._prove_alone,
            observer=self._observe(),
            model=self._model,
        )
        return Supervisor(
            failover=failover,
            scheduler=self._scheduler,
            answer_seconds=settings.answer_seconds,
            give_up=give_up,
            blame_frame=blame_frame,
            in_turn=self._spreads and choices[0][0].is_cpu,
            may_take=lambda: not self._replicas.active,
            on_invoke=self._on_invoke,
            cores=self._cores,
        )

    async def _prove_alone(self, choice: Choice) -> None:
        """Prove a delegate while no engine has its device."""
        seconds = min(PROOF_WAIT_SECONDS, self._settings.start_seconds)
        async with self._leases.held(choice[0], seconds):
            await self._prove(choice)

    def _afford_replicas(self, level: float, running: int) -> list[Choice]:
        """The engines for `level` frames at a time for which the board has cores and memory.

        They replace the replicas that are `running`, whose memory is free then.
        """
        pid = self._engine_pid()
        if pid is None:
            return []
        each = private_memory(pid)
        return plan_replicas(
            cores=count_cores(),
            threads=self._settings.threads,
            level=level,
            budget=self._settings.replica_bytes or replica_budget(free_memory(), running, each),
            each=each,
        )

    def _blame_frame(self, ranked: Iterable[RankedDelegate | None], fatal: bool) -> None:
        self._pool.blame_frame(ranked, fatal)

    async def _start_engine(
        self, choice: Choice, seconds: float, *, is_replica: bool = False
    ) -> EngineProcess:
        """Start an engine with a delegate; each step of its start may take `seconds`."""
        delegate, threads = choice
        settings, files, plain = self._settings, self.kept.descriptors, self.pair.plain
        model = self.pair.for_delegate(delegate)
        setup = EngineSetup(
            model=to_message(replace(model, name=self.pair.served.name)),
            model_file=files.get(model.sha256),
            runtime=settings.runtime,
            delegate=delegate,
            threads=threads,
            max_pixels=self._limits.pixels,
            decode_seconds=settings.decode_seconds,
            slots=ENGINE_SLOTS,
            slot_size=self._limits.size,
            reference=None if plain is None else to_message(plain),
            reference_file=None if plain is None else files.get(plain.sha256),
            check_every=settings.check_every,
            reuse_bytes=settings.reuse_bytes,
            sandbox=settings.sandbox,
            private=settings.private,
            # Engines on all cores have none to spare for another frame.
            overlap=not ((self._spreads or is_replica) and delegate.is_cpu),
        )
        start = partial(
            EngineProcess.start,
            setup,
            start_seconds=seconds,
            take_child=self._take_child,
            reserve=self._reserve,
            model=self._model,
            on_check=partial(self._on_check, delegate.name),
        )
        engine = await self._leases.start(delegate, seconds, start)
        self._sandbox_log.started(engine.ready)
        return engine
