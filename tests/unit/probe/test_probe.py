"""How the list of trials grows while they are made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.core.errors import ModelUnsupported
from edgesegd.core.model.pair import ModelPair
from edgesegd.core.trial import Measured, TrialOrder
from edgesegd.probe import probe as module
from edgesegd.probe.candidates import Candidate, find_candidates
from edgesegd.probe.report import Finding
from edgesegd.probe.step_timeout import StepTimeout
from edgesegd.probe.trial import TrialFailed
from support.model_specs import model_spec

SECONDS = {1: 0.040, 2: 0.021, 3: 0.020}
"""Of an invoke on the CPU by its threads."""


async def answer(order: TrialOrder, *, timeout: StepTimeout) -> Measured:
    """What a child would say."""
    os.write(order.reference, b"masks")
    took = SECONDS[order.threads]
    timeout.observe(took)
    return Measured(
        runtime="ai-edge-litert 2.3",
        threads=order.threads,
        delegated=0,
        operators=0,
        agreement=1.0,
        largest_difference=0.0,
        deviation=0.0,
        finite=True,
        seconds_p10=took,
        seconds_p50=took,
        seconds_p90=took,
        memory=80_000_000,
    )


async def time_out_at_first(order: TrialOrder, *, timeout: StepTimeout) -> Measured:
    """One thread gives its masks, but is too slow for the rest."""
    if order.threads == 1:
        os.write(order.reference, b"masks")
        raise TrialFailed(f"no answer in {timeout.seconds:g} s, in invoke")
    return await answer(order, timeout=timeout)


async def findings(tmp_path: Path, threads: int = 0) -> list[Finding]:
    model = model_spec()
    pair = ModelPair(model, model)
    candidates: list[Candidate] = find_candidates(pair, ("libmine.so",), root=tmp_path)
    trying = module.probe(pair, candidates, runtime="auto", threads=threads, seconds=1)
    return [each async for each in trying if each.threads]


@pytest.fixture(autouse=True)
def _three_cores_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "try_delegate", answer)
    monkeypatch.setattr("edgesegd.core.threads.count_cores", lambda: 4)


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


async def test_a_first_trial_that_is_too_slow_does_not_end_the_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "try_delegate", time_out_at_first)
    found = await findings(tmp_path)
    assert found[0].reason == "no answer in 10 s, in invoke"
    assert [each.threads for each in found if each.delegate.is_cpu] == [1, 2, 3]
    assert {each.threads for each in found[3:]} == {2}


async def test_without_masks_of_the_cpu_there_is_nothing_to_compare_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(order: TrialOrder, *, timeout: StepTimeout) -> Measured:
        del order, timeout
        raise TrialFailed("unresolved custom op: Oddity")

    monkeypatch.setattr(module, "try_delegate", refuse)
    with pytest.raises(ModelUnsupported) as failure:
        await findings(tmp_path)
    assert str(failure.value) == (
        "the CPU does not run rooms.tflite, so nothing can be compared with it: "
        "unresolved custom op: Oddity"
    )


async def test_on_a_slow_board_each_step_has_the_time_that_it_needs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emulated one takes 17 s an invoke: it serves, so it can be probed."""
    given: list[tuple[str, float]] = []

    async def answer_slowly(order: TrialOrder, *, timeout: StepTimeout) -> Measured:
        given.append((order.delegate.name, timeout.seconds))
        timeout.observe(17)
        return await answer(order, timeout=timeout)

    monkeypatch.setattr(module, "try_delegate", answer_slowly)
    await findings(tmp_path)
    assert given[:3] == [("cpu", 10), ("cpu", 340), ("cpu", 340)]
    assert given[-1] == ("mine", 340)


async def test_a_slow_delegate_gives_the_next_one_no_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    async def answer_slowly(order: TrialOrder, *, timeout: StepTimeout) -> Measured:
        given.append(timeout.seconds)
        if not order.delegate.is_cpu:
            timeout.observe(17)
        return await answer(order, timeout=timeout)

    monkeypatch.setattr(module, "try_delegate", answer_slowly)
    await findings(tmp_path)
    assert len(given) > 4
    assert set(given[3:]) == {1}
