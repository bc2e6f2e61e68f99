"""What the metrics of a real daemon say of its models, their engines and their delegates."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import urllib.request
from itertools import chain, repeat
from pathlib import Path

import prometheus_client
import pytest

from edgesegd.board.threads import count_cores
from edgesegd.control.client import give_order
from edgesegd.control.messages import Order
from support.calls import endless_frames, every, frames, segment, segment_in_step
from support.model_folder import add_version
from support.pictures import file_of, gradient
from support.remembered import remember
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.runtime

PICTURE = file_of(gradient(32, 24), "PNG")
MEMORY = "edgeseg_engine_process_resident_memory_bytes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size in (("small", 8), ("large", 16)):
        add_version(tmp_path / "models", name, 1, size=size)
    return tmp_path


def flags(folder: Path, *more: str) -> list[str]:
    quick = ("--delegate=cpu", "--threads=1", f"--data-dir={folder}")
    return [f"--models={folder / 'models'}", "--default-model=small", *quick, *more]


def engines(daemon: RunningDaemon) -> set[tuple[str, str, str]]:
    """The model, the delegate and the number of each engine whose memory is known."""
    return {
        (each.labels["model"], each.labels["delegate"], each.labels["engine"])
        for each in daemon.samples(MEMORY)
        if each.value > 1 << 20
    }


async def test_each_engine_of_each_model_has_series_of_its_process(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder, "--optimize=latency"))
    assert engines(daemon) == {("small", "cpu", "0"), ("large", "cpu", "0")}
    for model in ("small", "large"):
        answers = await segment(daemon.address, [every(model=model), *frames([PICTURE] * 20)])
        assert len(answers) == 20
        labels = {"model": model, "delegate": "cpu", "engine": "0"}
        for name in ("cpu_seconds_total", "open_fds", "start_time_seconds"):
            (sample,) = daemon.samples(f"edgeseg_engine_process_{name}", model=model)
            assert sample.labels == labels, name
            assert sample.value > 0, name
    await asyncio.to_thread(give_order, folder / "control.sock", Order("unload", "large"))
    assert engines(daemon) == {("small", "cpu", "0")}


async def test_each_engine_of_a_model_with_several_has_a_number_which_its_successor_gets(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder, "--optimize=throughput", "--default-model=small"))
    numbers = set(map(str, range(count_cores())))

    async def until_all_run() -> dict[str, float]:
        """When each of them began, of one scrape: the next may find one killed."""
        async with asyncio.timeout(30):
            while True:
                began = daemon.samples("edgeseg_engine_process_start_time_seconds", model="small")
                if {each.labels["engine"] for each in began} == numbers:
                    return {each.labels["engine"]: each.value for each in began}
                await asyncio.sleep(0.05)

    before = await until_all_run()
    first = daemon.engine_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(30):
        while (await until_all_run()) == before:
            await asyncio.sleep(0.05)
    assert daemon.metric("edgeseg_engine_restarts_total", model="small") == 1


async def test_a_model_shows_whether_it_sleeps_and_since_when_its_version_is_served(
    folder: Path, launch: Launch
) -> None:
    before = time.time()
    daemon = launch(*flags(folder, "--idle-unload=0.5"))

    def shown(model: str, what: str) -> float:
        (sample,) = daemon.samples(f"edgeseg_model_{what}", model=model)
        return sample.value

    async def until_asleep() -> None:
        async with asyncio.timeout(30):
            while not shown("small", "asleep"):
                await asyncio.sleep(0.05)

    assert shown("large", "asleep") == 1, "it starts with its first frame"
    began = {model: shown(model, "start_time_seconds") for model in ("small", "large")}
    assert all(before <= each <= time.time() for each in began.values())
    await until_asleep()
    async with asyncio.timeout(30):
        while engines(daemon) or daemon.metric("edgeseg_engine_ready"):
            await asyncio.sleep(0.05)
    requests = chain([every(model="large")], endless_frames(repeat(PICTURE)))
    async with asyncio.timeout(30):
        answers = await segment_in_step(
            daemon.address, requests, lambda _: shown("large", "asleep") == 0
        )
    assert answers
    assert shown("small", "asleep") == 1
    assert {model: shown(model, "start_time_seconds") for model in began} == began
    add_version(folder / "models", "small", 2)
    await asyncio.to_thread(give_order, folder / "control.sock", Order("load", "small"))
    assert began["small"] < shown("small", "start_time_seconds") <= time.time()
    assert shown("large", "start_time_seconds") == began["large"]
    await until_asleep()


async def test_checks_of_a_delegate_are_counted_and_show_how_far_it_agreed_with_the_cpu(
    fake_delegate: Path, tmp_path: Path, jpeg: bytes, launch: Launch
) -> None:
    trouble = tmp_path / "trouble"
    daemon = launch(
        *remember(tmp_path, f"{fake_delegate}:claim=add,mode=garbage,while={trouble}"),
        "--check-every=1",
        "--delegate-cool-down-seconds=1000",
    )
    who = {"model": "scenes", "delegate": "fake_delegate"}

    def checks(result: str) -> float:
        (sample,) = daemon.samples("edgeseg_delegate_checks_total", **who, result=result)
        return sample.value

    def agreement() -> float:
        (sample,) = daemon.samples("edgeseg_delegate_agreement_ratio", **who)
        return sample.value

    assert (checks("agrees"), checks("differs")) == (0, 0)
    async with asyncio.timeout(60):
        while checks("agrees") < 2:
            answers = await segment(daemon.address, [every(), *frames([jpeg] * 5)])
            assert {each.segmentation.delegate for each in answers.values()} == {"fake_delegate"}
    assert checks("differs") == 0
    assert agreement() > 0.99
    trouble.touch()
    async with asyncio.timeout(60):
        while not daemon.metric("edgeseg_degraded"):
            await segment(daemon.address, [every(), *frames([jpeg] * 5)])
    assert checks("differs") == 2, "the second one ends the engine, and is reported nevertheless"
    assert agreement() < 0.95
    assert not daemon.samples("edgeseg_delegate_checks_total", delegate="cpu")


@pytest.mark.skipif(
    not hasattr(prometheus_client, "disable_created_metrics"),
    reason="this prometheus-client cannot leave the series out",
)
def test_no_page_says_when_each_series_began(folder: Path, launch: Launch) -> None:
    daemon = launch(*flags(folder))
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0"):
        request = urllib.request.Request(daemon.metrics_url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = answer.read().decode()
        assert accept.split(";")[0] in answer.headers["Content-Type"]
        assert "edgeseg_engine_restarts_total{" in page
        assert "_created" not in page


async def test_frames_that_engines_have_are_in_flight_and_the_others_wait(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder, "--optimize=latency", "--engine-answer-seconds=60"))
    pids, small = daemon.engine_pids, {"model": "small"}
    assert daemon.metric("edgeseg_frames_in_flight", **small) == 0
    for engine in pids:
        os.kill(engine, signal.SIGSTOP)
    answers = asyncio.create_task(
        segment(daemon.address, [every(model="small"), *frames([PICTURE] * 5)])
    )
    async with asyncio.timeout(30):
        while daemon.metric("edgeseg_queue_depth", **small) == 0:
            await asyncio.sleep(0.05)
    assert 1 <= daemon.metric("edgeseg_frames_in_flight", **small) < 5
    for engine in pids:
        os.kill(engine, signal.SIGCONT)
    assert len(await answers) == 5
    assert daemon.metric("edgeseg_frames_in_flight", **small) == 0
