"""A trial in a real child, with a delegate compiled from C."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.ipc.arena import anonymous_file
from edgesegd.ipc.child import Child
from edgesegd.ipc.trial_messages import TrialOrder
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model
from edgesegd.probe.trial import Trial, TrialFailed
from edgesegd.probe.trial_timeout import CpuTrialTimeout, TrialTimeout

Order = Callable[[str], TrialOrder]


@pytest.fixture
async def order(fake_delegate: Path, tmp_path: Path) -> AsyncIterator[Order]:
    """Orders of the test delegate by its options, and what the CPU gave to compare with."""
    model = read_model(resolve_model("builtin", tmp_path))
    with os.fdopen(anonymous_file(), "rb") as reference:

        def make(options: str) -> TrialOrder:
            spec = parse_delegate(f"{fake_delegate}:{options}") if options else DelegateSpec()
            return TrialOrder(str(model.path), model.sha256, "auto", spec, 1, reference.fileno())

        await (await Trial.start(make(""), timeout=CpuTrialTimeout(30))).close()
        yield make


@pytest.fixture
async def unkillable(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[int]]:
    """Children that SIGKILL does not end, as while a driver holds them in the kernel: their ids."""
    pids: list[int] = []
    monkeypatch.setattr(Child, "kill", lambda self: pids.append(self.pid))
    yield pids
    for pid in set(pids):
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.slow
async def test_a_trial_that_cannot_be_killed_is_left_behind(
    order: Order, unkillable: list[int]
) -> None:
    with pytest.raises(TrialFailed) as failure:
        await Trial.start(order("mode=hang,at=create"), timeout=TrialTimeout(4))
    assert str(failure.value) == (
        "no answer in 4 s, in create; it cannot be killed, because it is stuck in a kernel driver"
    )
    assert len(set(unkillable)) == 1


async def test_a_cancelled_trial_that_cannot_be_killed_delays_nothing(
    order: Order, unkillable: list[int]
) -> None:
    trying = asyncio.create_task(
        Trial.start(order("mode=hang,at=create"), timeout=TrialTimeout(600))
    )
    await asyncio.sleep(0)
    while not trying.done() and not unkillable:
        trying.cancel()
        await asyncio.wait({trying}, timeout=0.1)
    with pytest.raises(asyncio.CancelledError):
        await trying


@asynccontextmanager
async def tried(order: TrialOrder, timeout: TrialTimeout) -> AsyncIterator[Trial]:
    trial = await Trial.start(order, timeout=timeout)
    try:
        yield trial
    finally:
        await trial.close()


@pytest.mark.slow
async def test_a_trial_may_take_longer_than_each_of_its_steps(order: Order) -> None:
    timeout = TrialTimeout(4)
    async with tried(order("claim=add,mode=slow,ms=600"), timeout) as trial:
        for _ in range(4):
            assert 0.6 < await trial.invoke() <= timeout.slowest_invoke
        await trial.finish()


async def test_a_trial_invokes_on_request(order: Order) -> None:
    async with tried(order("claim=add"), TrialTimeout(30)) as trial:
        assert (trial.result.delegated, trial.result.operators) == (5, 44)
        assert trial.result.agreement > 0.999
        assert await trial.invoke() > 0
        assert await trial.invoke() > 0
        await trial.finish()


@pytest.mark.slow
async def test_a_hang_between_two_invokes_is_found(order: Order) -> None:
    async with tried(order("claim=add,mode=hang,after=5"), TrialTimeout(4)) as trial:
        with pytest.raises(TrialFailed, match="no answer in 4 s, in invoke") as failure:
            for _ in range(3):
                await trial.invoke()
        assert failure.value.trial is trial


async def test_a_crash_when_a_delegate_is_unloaded_is_found(order: Order) -> None:
    async with tried(order("claim=add,mode=segv,at=destroy"), TrialTimeout(30)) as trial:
        assert await trial.invoke() > 0
        with pytest.raises(TrialFailed, match="crashed: SIGSEGV in destroy"):
            await trial.finish()


async def test_a_model_that_was_replaced_is_not_tried(order: Order) -> None:
    """What is found would be remembered for the file that was."""
    other = replace(order("claim=add"), model_sha256="5d" * 32)
    with pytest.raises(TrialFailed, match=r"scenes\.tflite was replaced"):
        await Trial.start(other, timeout=TrialTimeout(30))
