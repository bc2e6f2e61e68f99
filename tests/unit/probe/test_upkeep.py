"""When the choice of delegates is measured again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from edgesegd.core.errors import DelegateFailed
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.probe import upkeep as module
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.delegate_log import DelegateLog
from edgesegd.probe.upkeep import (
    MEDIAN_FRAMES,
    SLOW_FACTOR,
    SLOW_IN_A_ROW,
    ChoiceUpkeep,
    InvokeWatch,
    quiet_seconds,
)

USUAL = 0.010


def remembered(threads: int, disturbed: str = "") -> StoredChoice:
    return StoredChoice(Selection(((DelegateSpec(), threads),)), disturbed, USUAL)


class Probes:
    """Gives these choices one after another, in place of a probe; an error is raised."""

    def __init__(self, choices: Iterable[StoredChoice | Exception]) -> None:
        self._choices = iter(choices)
        self.store = self
        self.log = DelegateLog()
        self.reason = "no probe was made before"
        self.made = 0
        self.busy: list[DelegateSpec] = []

    def save(self, choice: StoredChoice) -> str:
        self.saved = choice
        return ""

    async def choose(self) -> StoredChoice:
        self.made += 1
        choice = next(self._choices)
        if isinstance(choice, Exception):
            raise choice
        return choice


class Board:
    """Upkeep on a board that is quiet when the test says so."""

    def __init__(
        self, choices: Iterable[StoredChoice | Exception], known: StoredChoice | None = None
    ) -> None:
        self.probes = Probes(choices)
        self.quiet = asyncio.Event()
        self.asked_for_quiet = asyncio.Event()
        self.selected: list[StoredChoice] = []
        self.upkeep = ChoiceUpkeep(
            self.probes,  # type: ignore[arg-type]
            known,
            select=self.selected.append,
            unused=self._unused,
        )

    async def _unused(self, _seconds: float) -> None:
        self.asked_for_quiet.set()
        await self.quiet.wait()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self.upkeep.run())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def until_chosen(self, times: int) -> None:
        async with asyncio.timeout(10):
            while len(self.selected) < times:
                await asyncio.sleep(0)

    def serve(self, seconds: float, frames: int, threads: int = 2) -> None:
        for _ in range(frames):
            self.upkeep.observe((DelegateSpec(), threads), seconds)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)

    class Idle:
        cores = 0.0

    monkeypatch.setattr(module, "BoardLoad", Idle)


async def test_where_nothing_is_remembered_it_is_chosen_at_once() -> None:
    board = Board([remembered(2)])
    async with board.kept():
        await board.until_chosen(1)
    assert board.selected == [remembered(2)]


async def test_a_choice_measured_while_frames_were_served_is_measured_again_when_idle() -> None:
    board = Board([remembered(1, "frames were served meanwhile"), remembered(2)])
    async with board.kept():
        await board.until_chosen(1)
        await board.asked_for_quiet.wait()
        assert board.probes.made == 1
        board.quiet.set()
        await board.until_chosen(2)
    assert board.selected[-1] == remembered(2)


async def test_so_is_what_was_remembered_from_before() -> None:
    board = Board([remembered(2)], remembered(1, "other programs used 1.0 cores meanwhile"))
    board.quiet.set()
    async with board.kept():
        await board.until_chosen(1)


async def test_a_choice_that_nothing_disturbed_stays() -> None:
    board = Board([], remembered(2))
    board.quiet.set()
    async with board.kept():
        for _ in range(100):
            await asyncio.sleep(0)
            board.serve(USUAL, MEDIAN_FRAMES)
    assert board.probes.made == 0


async def test_a_choice_whose_invokes_became_slow_is_measured_again() -> None:
    board = Board([remembered(1)], remembered(2))
    board.quiet.set()
    async with board.kept():
        await asyncio.sleep(0)
        board.serve(2 * USUAL, MEDIAN_FRAMES * SLOW_IN_A_ROW)
        await board.until_chosen(1)


CHANGED = "other programs used 1.0 cores meanwhile"


async def test_a_disturbed_measurement_alone_does_not_replace_a_choice_that_nothing_disturbed() -> (
    None
):
    """A program that takes a core for a while makes one thread look faster than two."""
    board = Board([remembered(1, CHANGED), remembered(2)], remembered(2))
    board.quiet.set()
    async with board.kept():
        await asyncio.sleep(0)
        board.serve(2 * USUAL, MEDIAN_FRAMES * SLOW_IN_A_ROW)
        await board.until_chosen(1)
    assert board.probes.made == 2
    assert board.selected == [remembered(2)]


async def test_what_two_disturbed_measurements_say_is_chosen() -> None:
    board = Board([remembered(1, CHANGED), remembered(1, CHANGED)], remembered(2))
    board.quiet.set()
    async with board.kept():
        await asyncio.sleep(0)
        board.serve(2 * USUAL, MEDIAN_FRAMES * SLOW_IN_A_ROW)
        await board.until_chosen(1)
        assert board.probes.saved == remembered(1, CHANGED)
    assert board.selected == [remembered(1, CHANGED)]


async def test_a_disturbed_choice_on_a_board_that_is_never_idle_is_measured_again_if_it_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 0.0)
    board = Board([remembered(2, CHANGED)], remembered(1, CHANGED))
    async with board.kept():
        await board.asked_for_quiet.wait()
        board.serve(2 * USUAL, MEDIAN_FRAMES * SLOW_IN_A_ROW, threads=1)
        await board.until_chosen(1)


async def test_a_disturbed_choice_on_a_board_that_is_never_idle_is_measured_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_DISTURBED_SECONDS", 0.01)
    board = Board([remembered(2, CHANGED)], remembered(1, CHANGED))
    async with board.kept():
        await board.until_chosen(1)


async def test_a_first_probe_that_fails_is_made_again() -> None:
    board = Board([DelegateFailed("no descriptor is free"), remembered(2)])
    async with board.kept():
        await board.until_chosen(1)
    assert board.probes.made == 2


def test_a_daemon_whose_engines_sleep_soon_counts_as_idle_before_that() -> None:
    assert quiet_seconds(0.0) == quiet_seconds(60.0) == module.QUIET_SECONDS
    assert quiet_seconds(5.0) == 2.5


async def test_invokes_of_other_delegates_are_not_compared_with_the_choice() -> None:
    """A replica has fewer threads, a lesser delegate stands in for one that failed."""
    board = Board([], remembered(2))
    board.quiet.set()
    async with board.kept():
        await asyncio.sleep(0)
        board.serve(9 * USUAL, MEDIAN_FRAMES * SLOW_IN_A_ROW, threads=1)
        for _ in range(10):
            await asyncio.sleep(0)
    assert board.probes.made == 0


async def test_where_no_delegate_can_be_chosen_what_served_goes_on() -> None:
    board = Board(
        [DelegateFailed("no probe can be made"), RuntimeError("unforeseen"), remembered(2)],
        remembered(1, "frames were served meanwhile"),
    )
    board.quiet.set()
    async with board.kept():
        await board.until_chosen(1)
    assert board.probes.made == 3


def slow_frames(watch: InvokeWatch, medians: int, factor: float) -> None:
    for _ in range(medians * MEDIAN_FRAMES):
        watch.observe(USUAL * factor)


def test_invokes_that_are_slow_for_a_while_only_are_no_reason() -> None:
    watch = InvokeWatch()
    watch.expect(USUAL)
    for _ in range(10):
        slow_frames(watch, SLOW_IN_A_ROW - 1, 2 * SLOW_FACTOR)
        slow_frames(watch, 1, 1.0)
    assert not watch.is_slow.is_set()
    slow_frames(watch, SLOW_IN_A_ROW, 2 * SLOW_FACTOR)
    assert watch.is_slow.is_set()


def test_what_an_invoke_should_take_may_not_be_known() -> None:
    watch = InvokeWatch()
    watch.expect(0.0)
    slow_frames(watch, 2 * SLOW_IN_A_ROW, 100.0)
    assert not watch.is_slow.is_set()
