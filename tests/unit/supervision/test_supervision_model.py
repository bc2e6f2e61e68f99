"""Supervision under random events, in virtual time, with engines that the test controls.

Only the processes are stood in for, for real ones take a second each; how engines start, fail,
follow each other and are given frames is the daemon's own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from fleet.virtual_loop import VirtualLoop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from edgesegd.core.errors import (
    EdgesegError,
    EngineFailed,
    EngineStartFailed,
    NoEngine,
    StartupError,
)
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.ipc.messages import EngineReady
from edgesegd.observability.health import Health
from edgesegd.observability.model_engines import ModelEngines
from edgesegd.observability.model_metrics import ModelFamilies, ModelMetrics
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.delegate_ranking import BlameFrame, DelegateRanking
from edgesegd.supervision.device_leases import DeviceLeases
from edgesegd.supervision.engine_pool import EnginePool, GiveUp
from edgesegd.supervision.engine_process import EngineLost, EngineProcess, OnOutcome
from edgesegd.supervision.engine_state import EngineEvent, EngineLife, EngineState
from edgesegd.supervision.failover import Failover
from edgesegd.supervision.supervisor import Supervisor
from support.virtual_loop import in_virtual_time

BEST: Choice = (DelegateSpec("stick:0", ("libstick.so",)), 1)
OTHER: Choice = (DelegateSpec("stick:1", ("libstick.so",)), 1)
CPU: Choice = (DelegateSpec(), 1)
COOL_DOWN = 10.0
ANSWER = FrameResult(1, 1, (1, 1), delegate="fake")
END_SECONDS = 1.0
"""What a process takes to end."""
LONG = 3600.0


class Engine:
    """Stands in for an EngineProcess; `end` is what happens to its process."""

    slots = 2
    start_seconds = 0.1

    def __init__(self, board: Board, observer: Observer, choice: Choice) -> None:
        self.choice = choice
        self.observer = observer
        self.ready = EngineReady("fake", choice[0].name, 0, 0, choice[1], 0.01)
        self.frames: list[OnOutcome] = []
        self.life = EngineLife()
        self.cpu_seconds = 0.0
        self.exited: asyncio.Task[None] = asyncio.create_task(self._live())
        self.loss = EngineLost("crash", "by the test")
        self._killed = asyncio.Event()
        self._board = board
        self.life.apply(EngineEvent.LOADED)

    @property
    def dead(self) -> bool:
        return self.life.is_over

    async def _live(self) -> None:
        await self._killed.wait()
        await asyncio.sleep(END_SECONDS)
        self._board.alive.remove(self)
        self._board.exited.append(self)

    def segment(self, job: Job, *, answer_seconds: float, on_outcome: OnOutcome) -> None:
        del answer_seconds
        assert self.life.is_serving
        assert len(self.frames) < self.slots
        assert not job.answer.done
        self.frames.append(on_outcome)

    def answer(self, outcome: FrameResult | Exception) -> None:
        self.frames.pop(0)(outcome)

    async def why_lost(self) -> EngineLost:
        return self.loss

    def fail(self, loss: EngineLost) -> None:
        assert loss is self.loss
        self.life.apply(EngineEvent.FAILED)
        self._killed.set()

    async def close(self) -> None:
        self.life.apply(EngineEvent.CLOSED)
        self._killed.set()
        await self.exited
        self.life.apply(EngineEvent.EXITED)

    def crash(self, cause: str) -> None:
        self.loss = EngineLost(cause, "by the test")
        self.fail(self.loss)
        while self.frames:
            self.answer(self.loss)


class Board:
    """A pool of such engines, what it reported, and the outcome of each frame."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(clock=asyncio.get_running_loop().time)
        self.lane = Lane(1000, Overflow.REJECT)
        self.scheduler.open(self.lane)
        self.alive: list[Engine] = []
        self.exited: list[Engine] = []
        self.refused: set[str] = set()
        self.serving: dict[Observer, Engine | None] = {}
        self.registry = CollectorRegistry()
        self.engines = ModelEngines(
            "rooms", ModelMetrics(ModelFamilies(self.registry), "rooms"), Health((), "rooms")
        )
        self.answers: dict[Job, int] = {}
        self.without_engine: list[bool] = []
        leases = DeviceLeases()

        def supervise(
            choices: list[Choice], give_up: GiveUp, blame_frame: BlameFrame
        ) -> Supervisor:
            observer = Observer(self, choices)

            async def start(choice: Choice, seconds: float) -> EngineProcess:
                async def begin() -> EngineProcess:
                    await asyncio.sleep(0.1)
                    if choice[0].name in self.refused:
                        raise EngineStartFailed("by the test")
                    self.alive.append(Engine(self, observer, choice))
                    return cast(EngineProcess, self.alive[-1])

                with observer.starting(choice):
                    return await leases.start(choice[0], seconds, begin)

            async def prove(choice: Choice) -> None:
                with observer.starting(choice):
                    if choice[0].name in self.refused:
                        raise EngineStartFailed("by the test")

            observer.ranking = DelegateRanking(
                choices, cool_down=COOL_DOWN, clock=asyncio.get_running_loop().time
            )
            failover = Failover(
                ranking=observer.ranking,
                start_engine=start,
                start_seconds=5.0,
                prove=prove,
                observer=observer,
            )
            return Supervisor(
                failover=failover,
                scheduler=self.scheduler,
                answer_seconds=1.0,
                give_up=give_up,
                blame_frame=blame_frame,
            )

        self.pool = EnginePool(
            Selection((BEST, CPU)), supervise=supervise, scheduler=self.scheduler
        )
        self.first = next(iter(self.serving))

    def select(self, selection: Selection) -> None:
        self.first.select(selection.ranking)
        self.pool.select(selection)

    @property
    def reported_degraded(self) -> bool:
        """As Prometheus reads it."""
        return self.registry.get_sample_value("edgeseg_degraded", {"model": "rooms"}) == 1

    def submit(self) -> None:
        job = Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), Answer())
        self.answers[job] = 0
        job.answer.on_done(lambda: self._answered(job))
        self.scheduler.submit(self.lane, job)

    def _answered(self, job: Job) -> None:
        self.answers[job] += 1
        if isinstance(job.answer.outcome, NoEngine):
            self.without_engine.append(not any(self.usable()))

    def usable(self) -> list[Engine]:
        """Engines that serve and are healthy."""
        return [engine for engine in self.serving.values() if engine and not engine.dead]


Key = tuple[str, int]


def key(choice: Choice) -> Key:
    """A delegate; the CPU is another one with each number of threads."""
    return choice[0].name, choice[1] if choice[0].is_cpu else 0


class Observer:
    """The daemon's own observer of a Failover; keeps count of how its delegates fared.

    `known` are the delegates that have served or failed since they are ranked.
    """

    ranking: DelegateRanking

    def __init__(self, board: Board, choices: Sequence[Choice]) -> None:
        self.order = [key(choice) for choice in choices]
        self.known: set[Key] = set()
        self._starting: list[Key] = []
        self._reporter = board.engines.new_reporter()
        self._board = board
        board.serving[self] = None

    def select(self, choices: Sequence[Choice]) -> None:
        engines = [e for e in self._board.alive if e.observer is self and not e.dead]
        if (engine := self._board.serving[self]) is not None:
            engines.append(engine)
        in_use = [key(engine.choice) for engine in engines]
        self.order = [key(choice) for choice in choices]
        self.known &= {*self.order, *in_use, *self._starting}

    @contextmanager
    def starting(self, choice: Choice) -> Iterator[None]:
        """A delegate is being started, or tried; never twice at once for one engine."""
        assert key(choice) not in self._starting
        self._starting.append(key(choice))
        try:
            yield
        except StartupError:
            self.known.add(key(choice))
            raise
        finally:
            self._starting.remove(key(choice))

    @property
    def is_degraded(self) -> bool:
        """Whether a better delegate than the one that serves has served or failed.

        While none serves, it depends on which one is next, which is the ranking's.
        """
        engine = self._board.serving[self]
        if engine is None:
            return self.ranking.is_degraded(None)
        now = key(engine.choice)
        better = self.order[: self.order.index(now)] if now in self.order else self.order
        return not self.known.isdisjoint(better)

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        self._board.serving[self] = cast(Engine, engine)
        self.known.add(key(cast(Engine, engine).choice))
        self._reporter.engine_ready(engine, degraded=degraded)

    def engine_degraded(self, degraded: bool) -> None:
        assert degraded is not self._reporter.degraded, "reported only when it changes"
        self._reporter.engine_degraded(degraded)

    def engine_lost(self, cause: str) -> None:
        self._board.serving[self] = None
        self._reporter.engine_lost(cause)

    def engine_closed(self) -> None:
        del self._board.serving[self]
        self._reporter.engine_closed()


class Supervision(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        self.board = Board()
        await self.board.pool.start()
        self.running = asyncio.create_task(self.board.pool.run())
        await asyncio.sleep(0)

    def at_once(self, action: Callable[[], object]) -> None:
        """Do something in the loop, and let everything happen that can happen now."""

        async def act() -> None:
            action()
            for _ in range(30):
                await asyncio.sleep(0)

        self.loop.run_until_complete(act())

    @rule(count=st.integers(1, 4))
    def frames_come(self, count: int) -> None:
        for _ in range(count):
            self.at_once(self.board.submit)

    @precondition(lambda self: any(engine.frames for engine in self.board.usable()))
    @rule(data=st.data())
    def a_frame_is_answered(self, data: st.DataObject) -> None:
        engine = self._one(data, lambda each: bool(each.frames))
        self.at_once(lambda: engine.answer(ANSWER))

    @precondition(lambda self: bool(self.board.usable()))
    @rule(data=st.data(), cause=st.sampled_from(["crash", "hang", "drift"]))
    def an_engine_is_lost(self, data: st.DataObject, cause: str) -> None:
        engine = self._one(data, lambda _: True)
        self.at_once(lambda: engine.crash(cause))

    @rule(name=st.sampled_from([BEST[0].name, OTHER[0].name, "cpu"]))
    def a_delegate_breaks(self, name: str) -> None:
        self.board.refused.add(name)

    @rule(name=st.sampled_from([BEST[0].name, OTHER[0].name, "cpu"]))
    def a_delegate_is_mended(self, name: str) -> None:
        self.board.refused.discard(name)

    @rule(
        selection=st.sampled_from(
            [
                Selection((BEST, CPU)),
                Selection((CPU,)),
                Selection((BEST, CPU), (OTHER,)),
                Selection((OTHER, BEST, CPU)),
                Selection(((BEST[0], 3), (CPU[0], 3))),
                Selection((CPU,), (CPU, CPU)),
            ]
        )
    )
    def others_are_chosen(self, selection: Selection) -> None:
        self.at_once(lambda: self.board.select(selection))

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @invariant()
    def supervision_goes_on(self) -> None:
        assert not self.running.done()

    @invariant()
    def at_most_one_engine_is_on_a_device(self) -> None:
        devices = [each.choice[0].name for each in self.board.alive if not each.choice[0].is_cpu]
        assert len(devices) == len(set(devices))

    @invariant()
    def an_observed_engine_serves_or_drains_and_only_such_engines_have_frames(self) -> None:
        for engine in self.board.usable():
            assert engine.life.may_answer
        for engine in self.board.alive:
            assert engine.life.may_answer or not engine.frames

    @invariant()
    def one_engine_of_each_serves_and_at_most_one_is_ready_to_replace_it(self) -> None:
        for observer in self.board.serving:
            states = [e.life.state for e in self.board.alive if e.observer is observer]
            assert states.count(EngineState.SERVING) <= 1
            assert states.count(EngineState.READY) <= 1
            assert EngineState.READY not in states or EngineState.SERVING not in states

    @invariant()
    def an_engine_whose_process_has_exited_is_over(self) -> None:
        assert all(engine.life.is_over for engine in self.board.exited)

    @invariant()
    def degraded_service_is_reported_exactly_while_it_lasts(self) -> None:
        degraded = any(observer.is_degraded for observer in self.board.serving)
        assert self.board.reported_degraded == degraded

    @invariant()
    def no_frame_is_answered_twice_and_none_fails_while_an_engine_serves(self) -> None:
        assert set(self.board.answers.values()) <= {0, 1}
        assert all(self.board.without_engine)
        for job in self.board.answers:
            outcome = job.answer.outcome
            if isinstance(outcome, EdgesegError):
                assert isinstance(outcome, NoEngine | EngineFailed)
                assert not isinstance(outcome, EngineFailed) or len(job.losses) > 1

    def teardown(self) -> None:
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        """The best one cannot be started for a while; then all are healthy for a long time."""
        board = self.board
        board.refused = {BEST[0].name}
        board.select(Selection((BEST, CPU)))
        for _ in range(3):  # one may be ready, and about to take over
            for engine in board.usable():
                if engine.choice[0] == BEST[0]:
                    engine.crash("crash")
            await self._serve_for(40.0)
        assert [engine.choice[0] for engine in board.usable()] == [CPU[0]]
        degraded = board.reported_degraded
        assert degraded
        board.refused.clear()
        board.submit()
        await self._serve_for(LONG)
        assert set(board.answers.values()) == {1}
        assert [engine.choice[0] for engine in board.usable()] == [BEST[0]]
        degraded = board.reported_degraded
        assert not degraded
        assert board.alive == board.usable(), "and no other is kept"
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await board.pool.close()
        assert not board.alive
        assert {engine.life.state for engine in board.exited} == {EngineState.ENDED}

    async def _serve_for(self, seconds: float) -> None:
        """So long, with each frame answered within a second."""
        for _ in range(int(seconds)):
            await asyncio.sleep(1.0)
            for engine in self.board.usable():
                while engine.frames:
                    engine.answer(ANSWER)

    def _one(self, data: st.DataObject, wanted: Callable[[Engine], bool]) -> Engine:
        found = [engine for engine in self.board.usable() if wanted(engine)]
        return data.draw(st.sampled_from(range(len(found))).map(found.__getitem__))


@in_virtual_time
async def test_a_frame_that_an_extra_engine_segments_is_blamed_for_a_loss_of_the_first() -> None:
    board = Board()
    await board.pool.start()
    running = asyncio.create_task(board.pool.run())
    board.select(Selection((BEST, CPU), (OTHER,)))
    await asyncio.sleep(1.0)
    best, other = board.usable()
    board.submit()
    board.submit()
    best.answer(ANSWER)
    board.submit()  # `other` has a frame, so `best` gets this one
    best.crash("crash")
    await asyncio.sleep(3.0)
    other.answer(ANSWER)
    cpu = next(engine for engine in board.usable() if engine is not other)
    assert (cpu.choice, len(cpu.frames)) == (CPU, 1)
    cpu.crash("crash")
    await asyncio.sleep(0.5)
    other.answer(ANSWER)
    await asyncio.sleep(1.0)
    assert sorted(engine.choice[0].name for engine in board.usable()) == ["stick:0", "stick:1"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await board.pool.close()


Supervision.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestSupervision = Supervision.TestCase
