"""Which engines are started, and when, in virtual time."""

from __future__ import annotations

import asyncio
import re
from typing import cast

import pytest

from edgesegd.core.errors import EngineStartFailed, NoEngine
from edgesegd.core.model import ModelIdentity
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.ipc.messages import EngineReady
from edgesegd.supervision.delegate_ranking import DelegateRanking
from edgesegd.supervision.engine_process import EngineLost, EngineProcess
from edgesegd.supervision.engine_state import EngineLife
from edgesegd.supervision.failover import Failover
from support.virtual_loop import in_virtual_time

TPU: Choice = (DelegateSpec("tpu", ("libtpu.so",)), 1)
CPU: Choice = (DelegateSpec(), 2)
CRASH = EngineLost("crash", "by the test")
COOL_DOWN = 10.0
START = 1.0
"""What the start of an engine takes."""


class Engine:
    """Stands in for an EngineProcess; nothing more of it is used here."""

    start_seconds = START

    def __init__(self, choice: Choice) -> None:
        self.life = EngineLife()
        self.ready = EngineReady("fake", choice[0].name, 0, 0, choice[1], 0.01)


class Board:
    """A Failover, its observer, and the starts of its engines."""

    def __init__(self, *choices: Choice) -> None:
        self.started: list[str] = []
        self.refused: set[str] = set()
        self.reports: list[str | bool] = []
        self.failover = Failover(
            ranking=DelegateRanking(
                choices, cool_down=COOL_DOWN, clock=asyncio.get_running_loop().time
            ),
            start_engine=self._start,
            start_seconds=5.0,
            prove=self._prove,
            observer=self,
            model=ModelIdentity("scenes", "1"),
        )

    async def _start(self, choice: Choice, _seconds: float) -> EngineProcess:
        self.started.append(choice[0].name)
        await asyncio.sleep(START)
        if choice[0].name in self.refused:
            raise EngineStartFailed("by the test")
        return cast(EngineProcess, Engine(choice))

    async def _prove(self, _choice: Choice) -> None:
        """Nothing is wrong with it."""

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        self.reports += [engine.ready.delegate, degraded]

    def engine_degraded(self, degraded: bool) -> None:
        self.reports.append(degraded)

    def engine_lost(self, cause: str) -> None:
        self.reports.append(cause)

    def engine_closed(self) -> None:
        raise AssertionError("none is retired")


def ignore(_error: NoEngine) -> None:
    """The frames that wait are none of this test's concern."""


@in_virtual_time
async def test_a_delegate_that_is_being_started_as_better_replaces_a_lost_engine() -> None:
    board = Board(TPU, CPU)
    running = await board.failover.first()
    upgrading = asyncio.create_task(board.failover.upgrade())
    board.failover.reorder([CPU])
    await asyncio.sleep(START / 2)
    board.failover.lost(running, CRASH)
    running = await board.failover.replacement(ignore)
    await asyncio.sleep(10 * START)
    upgrading.cancel()
    assert running.ranked.choice == CPU
    assert board.started == ["tpu", "cpu"], "once is enough"


@in_virtual_time
async def test_the_last_delegate_is_tried_again_if_it_did_not_start_as_the_better_one() -> None:
    board = Board(TPU, CPU)
    running = await board.failover.first()
    upgrading = asyncio.create_task(board.failover.upgrade())
    board.refused.add("cpu")
    board.failover.reorder([CPU])
    await asyncio.sleep(START / 2)
    board.failover.lost(running, CRASH)
    replacing = asyncio.create_task(board.failover.replacement(ignore))
    await asyncio.sleep(START)
    board.refused.clear()
    assert (await replacing).ranked.choice == CPU
    upgrading.cancel()
    assert board.started == ["tpu", "cpu", "cpu"]


@in_virtual_time
async def test_a_better_delegate_that_cooled_down_is_not_started_beside_a_replacement() -> None:
    board = Board(TPU, CPU)
    running = await board.failover.first()
    upgrading = asyncio.create_task(board.failover.upgrade())
    board.refused.add("cpu")
    board.failover.reorder([CPU])
    await asyncio.sleep(1.5 * START)  # the CPU does not start, and cools down
    board.refused.clear()
    await asyncio.sleep(COOL_DOWN - START)
    board.failover.lost(running, CRASH)
    assert (await board.failover.replacement(ignore)).ranked.choice == CPU
    await asyncio.sleep(2 * START)
    upgrading.cancel()
    assert board.started == ["tpu", "cpu", "cpu"]


@in_virtual_time
async def test_a_delegate_that_comes_back_into_the_order_while_it_serves_goes_on() -> None:
    board = Board(TPU, CPU)
    await board.failover.first()
    upgrading = asyncio.create_task(board.failover.upgrade())
    board.failover.reorder([CPU])
    board.failover.reorder([TPU, CPU])
    await asyncio.sleep(10 * START)
    upgrading.cancel()
    assert board.started == ["tpu"]


@in_virtual_time
async def test_the_loss_of_the_only_delegate_degrades_nothing() -> None:
    board = Board(CPU)
    running = await board.failover.first()
    board.refused.add("cpu")
    board.failover.lost(running, CRASH)
    replacing = asyncio.create_task(board.failover.replacement(ignore))
    await asyncio.sleep(3 * START)
    board.refused.clear()
    await replacing
    assert set(board.reports) == {"cpu", False, "crash", "start"}


@in_virtual_time
async def test_service_is_degraded_from_the_loss_on_after_which_a_lesser_delegate_is_next() -> None:
    board = Board(TPU, CPU)
    running = await board.failover.first()
    board.failover.lost(running, EngineLost("hang", "by the test"))
    assert board.reports == ["tpu", False, "hang", True]
    await board.failover.replacement(ignore)
    assert board.reports[4:] == ["cpu", True]


@in_virtual_time
async def test_an_extra_accelerator_is_degraded_from_its_loss_until_it_serves_again() -> None:
    board = Board(TPU)
    running = await board.failover.first()
    board.failover.lost(running, CRASH)
    await board.failover.replacement(ignore)
    assert board.reports == ["tpu", False, "crash", True, "tpu", False]


@in_virtual_time
async def test_starts_and_losses_are_logged_with_model_delegate_and_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    board = Board(TPU, CPU)
    running = await board.failover.first()
    board.failover.lost(running, CRASH)
    await board.failover.replacement(ignore)
    assert [vars(each).get("cause", "") for each in caplog.records] == ["", "crash", ""]
    assert [vars(each)["delegate"] for each in caplog.records] == ["tpu", "tpu", "cpu"]
    assert {vars(each)["model"] for each in caplog.records} == {"scenes"}
    said = [each.getMessage() for each in caplog.records]
    assert said[0] == "tpu serves"
    assert re.fullmatch(r"cpu with 2 threads serves: scenes serves again after \d\.\d s", said[2])
