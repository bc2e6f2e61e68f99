"""Random messages, handles and files are refused or used; `make fuzz` tries ten million more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from fuzzing.campaign import MAX_FINDINGS, Campaign
from fuzzing.messages import Messages
from fuzzing.regions import Regions
from fuzzing.state import State
from fuzzing.target import Fault, Target

COUNT = 1000


@pytest.mark.parametrize(
    ("make", "used"),
    [
        (Messages, {"answered", "error", "ready", "warm"}),
        (State, {"tokens read", "choice read", "sidecar read", "record read"}),
        (Regions, {"decoded"}),
    ],
)
def test_random_input_is_refused_or_used(
    make: Callable[[], Target], used: set[str], tmp_path: Path
) -> None:
    with contextlib.closing(make()) as target:
        outcome = Campaign(target, seed=0, count=COUNT, folder=tmp_path).run()
    assert [path.read_text() for path in outcome.findings] == []
    assert outcome.cases == outcome.became.total() == COUNT
    assert used <= set(outcome.became), "some of it is not so wrong that it is refused"


@pytest.mark.parametrize("make", [Messages, State, Regions])
def test_a_case_is_made_again_from_its_number(make: Callable[[], Target]) -> None:
    with contextlib.closing(make()) as target:
        materials = [material(target, 77), material(target, 78), material(target, 77)]
    # Salts and numbers of regions are different ones in each run, but not within it.
    assert materials[0] == materials[2] != materials[1]


def material(target: Target, number: int) -> bytes:
    target.try_case(Random(number))
    return target.material


class Broken:
    """A target that fails in one of ten cases, and at the end."""

    name = "broken"
    at_a_time = 1

    def __init__(self) -> None:
        self.material = b""

    def try_case(self, dice: Random) -> str:
        self.material = dice.randbytes(4)
        if dice.random() < 0.1:
            raise Fault(f"this is {self.material.hex()}")
        return "sound"

    def faults_at_the_end(self) -> Iterator[str]:
        yield "memory is missing"

    def close(self) -> None:
        """Nothing is open."""


def test_a_finding_is_written_and_found_again_by_its_number(tmp_path: Path) -> None:
    outcome = Campaign(Broken(), seed=5, count=100, folder=tmp_path).run()
    *findings, end = outcome.findings
    assert len(findings) == outcome.became["FAULT"] - 1 > 3
    assert end.read_text() == "after the cases 5 to 104: memory is missing\n"
    for path in findings:
        number = int(path.stem.removeprefix("broken-"))
        again = Campaign(Broken(), seed=number, count=1, folder=tmp_path / path.stem).run()
        assert again.findings[0].read_text() == path.read_text()
        assert path.with_suffix(".bin").read_bytes().hex() in path.read_text()


def test_a_target_that_fails_always_is_given_up(tmp_path: Path) -> None:
    outcome = Campaign(Broken(), seed=0, count=100_000, folder=tmp_path).run()
    assert len(outcome.findings) == MAX_FINDINGS + 1


def test_a_campaign_of_no_seconds_tries_nothing(tmp_path: Path) -> None:
    assert Campaign(Broken(), seed=0, seconds=0.0, folder=tmp_path).run().cases == 0


class Interrupted(Broken):
    """Ctrl-C is pressed in its first case of the main thread; another thread tries cases too."""

    at_a_time = 2

    def try_case(self, dice: Random) -> str:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return "sound"


def test_after_ctrl_c_no_case_is_tried_on_a_target_that_has_ended(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        Campaign(Interrupted(), seed=0, count=1_000_000, folder=tmp_path).run()
    assert threading.active_count() == before
