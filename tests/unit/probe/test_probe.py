"""How the list of findings grows while trials are made, and how they are compared."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest

from edgesegd.core.errors import EdgesegError, ModelInvalid, ModelUnsupported
from edgesegd.ipc.trial_messages import TrialOrder, TrialResult
from edgesegd.models.pair import ModelPair
from edgesegd.probe import probe as module
from edgesegd.probe.candidates import Candidate, find_candidates
from edgesegd.probe.report import Finding, Verdict, choose
from edgesegd.probe.timing import Exclusive, already_exclusive
from edgesegd.probe.trial import TrialFailed
from edgesegd.probe.trial_timeout import TrialTimeout
from support.model_specs import model_spec

SECONDS = {1: 0.040, 2: 0.021, 3: 0.020}
"""Of an invoke on the CPU by its threads."""


class Board:
    """Where trials are made: its speed, who is there, and what they were given.

    `speeds` are factors of the invokes' seconds, one after another; `fails` are the threads of
    those on the CPU that fail when they are invoked.
    """

    def __init__(self) -> None:
        self.speeds: Iterator[float] = iter(())
        self.slow = self.slow_delegates = 1.0
        self.fails: dict[int, int] = {}
        self.refuses = ""
        self.cause: EdgesegError | None = None
        self.given: list[tuple[str, float]] = []
        self.open: set[FakeTrial] = set()
        self.most_open = 0


BOARD = Board()


class FakeTrial:
    """What a child would say."""

    def __init__(self, order: TrialOrder, timeout: TrialTimeout) -> None:
        self.result = TrialResult(
            runtime="ai-edge-litert 2.3",
            threads=order.threads,
            delegated=0,
            operators=0,
            agreement=1.0,
            largest_difference=0.0,
            deviation=0.0,
            finite=True,
            memory=80_000_000,
            adapter="",
        )
        self._order = order
        self._timeout = timeout
        self._invokes = 0

    @classmethod
    async def start(cls, order: TrialOrder, *, timeout: TrialTimeout) -> Self:
        if BOARD.refuses:
            raise TrialFailed(BOARD.refuses) from BOARD.cause
        BOARD.given.append((order.delegate.name, timeout.seconds))
        os.write(order.reference, b"masks")
        trial = cls(order, timeout)
        BOARD.open.add(trial)
        BOARD.most_open = max(BOARD.most_open, len(BOARD.open))
        return trial

    async def invoke(self) -> float:
        self._invokes += 1
        if self._order.delegate.is_cpu and self._invokes > BOARD.fails.get(
            self._order.threads, 10**6
        ):
            failure = TrialFailed(f"no answer in {self._timeout.seconds:g} s, in invoke")
            failure.trial = self  # type: ignore[assignment]
            raise failure
        seconds = SECONDS[self._order.threads] * BOARD.slow * next(BOARD.speeds, 1.0)
        if not self._order.delegate.is_cpu:
            seconds *= BOARD.slow_delegates
        self._timeout.observe(seconds)
        return seconds

    async def finish(self) -> None:
        pass

    async def close(self) -> None:
        BOARD.open.discard(self)


async def findings(
    tmp_path: Path, threads: int = 0, exclusive: Exclusive = already_exclusive
) -> list[Finding]:
    model = model_spec()
    pair = ModelPair(model, model)
    candidates: list[Candidate] = find_candidates(pair, ("libmine.so",), root=tmp_path)
    trying = module.probe(
        pair, candidates, runtime="auto", threads=threads, seconds=1, exclusive=exclusive
    )
    found = [each async for each in trying if each.threads]
    assert not BOARD.open, "every trial was ended"
    assert BOARD.most_open <= 2, "a board has little memory"
    return found


@pytest.fixture(autouse=True)
def _three_cores_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Trial", FakeTrial)
    monkeypatch.setattr("edgesegd.board.threads.count_cores", lambda: 4)
    BOARD.__init__()  # type: ignore[misc]


async def test_accelerators_have_as_many_threads_as_serve_the_cpu_best(tmp_path: Path) -> None:
    found = await findings(tmp_path)
    assert [str(each) for each in found[:3]] == [
        "cpu with 1 thread",
        "cpu with 2 threads",
        "cpu with 3 threads",
    ]
    assert {each.threads for each in found[3:]} == {2}
    assert found[-1].delegate.name == "mine"


async def test_threads_that_are_given_are_not_measured(tmp_path: Path) -> None:
    found = await findings(tmp_path, threads=3)
    assert [each.delegate.is_cpu for each in found].count(True) == 1
    assert {each.threads for each in found} == {3}


async def test_a_board_that_is_used_by_others_is_as_slow_for_each_candidate(
    tmp_path: Path,
) -> None:
    """Its speed drifts by far more than candidates differ; neighbours in time are compared."""
    BOARD.speeds = iter([1.0 + number / 10 for number in range(400)])
    found = choose(await findings(tmp_path))
    relative = [each.measured.relative for each in found[:3] if each.measured]
    assert relative[1] / relative[0] == pytest.approx(0.021 / 0.040, rel=0.1)
    assert relative[2] / relative[1] == pytest.approx(0.020 / 0.021, rel=0.1)
    assert [each.verdict for each in found[:3]] == [
        Verdict.SLOWER,
        Verdict.CHOSEN,
        Verdict.SLOWER,
    ]
    assert found[0].measured is not None
    assert found[2].measured is not None
    assert found[2].measured.seconds_p50 > found[0].measured.seconds_p50, "by itself it was slower"


async def test_invokes_are_timed_in_turns(tmp_path: Path) -> None:
    turns = 0

    @asynccontextmanager
    async def exclusive() -> AsyncIterator[None]:
        nonlocal turns
        turns += 1
        yield

    found = await findings(tmp_path, exclusive=exclusive)
    assert turns >= 5 * len(found)


@pytest.mark.parametrize("after", [0, 10])
async def test_a_first_trial_that_stops_answering_does_not_end_the_probe(
    tmp_path: Path, after: int
) -> None:
    """Alone, or while the next one is timed in turn with it."""
    BOARD.fails = {1: after}
    found = await findings(tmp_path)
    if after == 0:
        assert found[0].reason == "no answer in 10 s, in invoke"
    assert [each.threads for each in found if each.delegate.is_cpu] == [1, 2, 3]
    assert {each.threads for each in found[3:]} == {2}


async def test_without_masks_of_the_cpu_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    BOARD.refuses = "unresolved custom op: Oddity"
    with pytest.raises(ModelUnsupported) as failure:
        await findings(tmp_path)
    assert str(failure.value) == (
        "the CPU cannot run rooms.tflite, so there is nothing to compare delegates with: "
        "unresolved custom op: Oddity"
    )


async def test_what_the_cpu_finds_to_be_asked_about_a_model_is_no_fault_of_the_cpu(
    tmp_path: Path,
) -> None:
    BOARD.refuses = "write output.shape into its sidecar"
    BOARD.cause = ModelInvalid(BOARD.refuses)
    with pytest.raises(ModelInvalid) as failure:
        await findings(tmp_path)
    assert str(failure.value) == BOARD.refuses


async def test_on_a_slow_board_each_step_has_the_time_that_it_needs_there(tmp_path: Path) -> None:
    """An emulated one takes 17 s an invoke: it serves, so it can be probed."""
    BOARD.slow = 17 / SECONDS[1]
    await findings(tmp_path)
    assert BOARD.given[:3] == [("cpu", 10), ("cpu", 340), ("cpu", 340)]
    assert BOARD.given[-1] == ("mine", 340)


async def test_a_slow_delegate_gives_the_next_one_no_more_time(tmp_path: Path) -> None:
    BOARD.slow_delegates = 17 / SECONDS[2]
    await findings(tmp_path)
    assert len(BOARD.given) > 4
    assert {seconds for name, seconds in BOARD.given if name != "cpu"} == {1}
