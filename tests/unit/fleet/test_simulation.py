"""The simulation of `benchmarks/fleet_sim.py` against known results of queueing theory."""

from __future__ import annotations

import asyncio
import math
from random import Random

import pytest
from fleet.core import TICK, slice_seconds
from fleet.paper import bounds, mean_wait
from fleet.service_times import ServiceTimes
from fleet.shared_cores import BALANCE, Process, SharedCores, Step
from fleet.simulation import Setting, simulate
from fleet.virtual_loop import VirtualLoop

ENGINE = 0.02
TIMES = ServiceTimes(
    machine="a test's",
    inputs="nothing",
    cores=1,
    frame_bytes=100_000,
    front_frame=0.0,
    front_result=0.0,
    client_frame=0.0,
    client_result=0.0,
    serial=0.005,
    invoke=0.015,
    invoke_all_cores=0.016,
    wake_ups=(0.0,),
)
ONE_ENGINE = Setting(cores=1, threads=1, optimize="latency")


def run_for(seconds: float, start: object) -> None:
    """Call `start(loop)` in a virtual loop and let so much time pass."""
    assert callable(start)

    async def run() -> None:
        start(asyncio.get_running_loop())
        await asyncio.sleep(seconds)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_random_arrivals_wait_as_long_as_pollaczek_and_khinchine_say(load: float) -> None:
    random, service, waits = Random(1), 0.01, list[float]()

    def start(loop: asyncio.AbstractEventLoop) -> None:
        process = Process(SharedCores(loop, 1))

        def arrive() -> None:
            came = loop.time()
            process.do(lambda: waits.append(loop.time() - came - service), Step(service))
            loop.call_later(random.expovariate(load / service), arrive)

        arrive()

    run_for(400.0, start)
    assert len(waits) > 15_000
    assert sum(waits) / len(waits) == pytest.approx(mean_wait(service, load), rel=0.08)


def test_processes_share_cores_equally_and_a_thread_has_one_core_at_most() -> None:
    ended = dict[str, float]()

    def start(loop: asyncio.AbstractEventLoop) -> None:
        cores = SharedCores(loop, 2)

        def work(name: str, *steps: Step) -> None:
            Process(cores).do(lambda: ended.update({name: loop.time()}), *steps)

        work("alone", Step(1.0))
        loop.call_later(2.0, work, "two threads", Step(1.0, 2))
        for name in ("a", "b", "c"):
            loop.call_later(4.0, work, name, Step(1.0))
        loop.call_later(6.0, work, "one", Step(0.5))
        loop.call_later(6.0, work, "against two threads", Step(1.0, 2))

    run_for(10.0, start)
    assert ended["alone"] == pytest.approx(1.0)
    assert ended["two threads"] == pytest.approx(2.5)
    # Three threads have two thirds of a core each, but for how long one of them is alone.
    assert [ended[name] for name in "abc"] == pytest.approx([5.5, 5.5, 5.5], abs=3 * BALANCE)
    assert max(ended[name] for name in "abc") == pytest.approx(5.5, abs=4 * TICK), "no core idles"
    assert ended["one"] == pytest.approx(6.75, abs=2 * BALANCE)
    assert ended["against two threads"] == pytest.approx(6.75, abs=2 * BALANCE)


def test_a_process_that_needs_little_waits_two_ticks_at_most() -> None:
    """Beside two that always want the only core, of which each is slower by what it takes."""
    took, ended = list[float](), list[float]()

    def start(loop: asyncio.AbstractEventLoop) -> None:
        cores = SharedCores(loop, 1)
        for _ in range(2):
            Process(cores).do(lambda: ended.append(loop.time()), Step(4.0))
        little = Process(cores)

        def wake_up() -> None:
            began = loop.time()
            little.do(lambda: took.append(loop.time() - began), Step(0.002))
            loop.call_later(0.02, wake_up)

        loop.call_later(0.1, wake_up)

    run_for(12.0, start)
    assert len(took) > 400
    assert min(took) == pytest.approx(0.002)
    assert max(took) <= 0.002 + 2 * TICK + 1e-6
    assert ended == pytest.approx([8 / 0.9, 8 / 0.9], rel=0.01)


def test_a_slice_is_longer_with_more_cores() -> None:
    assert [1e3 * slice_seconds(cores) for cores in (1, 2, 4, 8, 64)] == pytest.approx(
        [0.7, 1.4, 2.1, 2.8, 2.8]
    )


def test_a_process_does_one_thing_after_another_with_all_its_steps() -> None:
    ended = list[tuple[str, float]]()

    def start(loop: asyncio.AbstractEventLoop) -> None:
        process = Process(SharedCores(loop, 4))
        process.do(lambda: ended.append(("first", loop.time())), Step(1.0), Step(2.0, 4))
        process.do(lambda: ended.append(("second", loop.time())), Step(1.0))

    run_for(5.0, start)
    assert [name for name, _ in ended] == ["first", "second"]
    assert [when for _, when in ended] == pytest.approx([1.5, 2.5])


def test_a_camera_that_a_board_can_serve_gets_all_results_after_one_service_time() -> None:
    outcome = simulate(TIMES, ONE_ENGINE, [(0, 0.25)], seconds=10)
    assert outcome.share == pytest.approx(1.0, abs=0.01)
    assert outcome.results_a_second == pytest.approx(30, abs=0.2)
    assert outcome.latency(0.0) == pytest.approx(ENGINE)
    assert outcome.latency(1.0) == pytest.approx(ENGINE)
    assert outcome.age(1.0) == pytest.approx(ENGINE + 1 / 30)


@pytest.mark.parametrize("cameras", [1, 4, 20])
def test_an_overloaded_board_gives_fresh_results_as_fast_as_it_can(cameras: int) -> None:
    """With LATEST a frame waits less than an interval: then a newer one supersedes it."""
    slow = Setting(cores=1, threads=1, optimize="latency", fps=120.0 / cameras)
    random = Random(cameras)
    placed = [(0, (number + 0.5 * random.random()) / cameras) for number in range(cameras)]
    outcome = simulate(TIMES, slow, placed, seconds=20)
    assert outcome.results_a_second == pytest.approx(1 / ENGINE, rel=0.02)
    assert outcome.latency(1.0) <= cameras / 120.0 + ENGINE + 1e-9
    results = [len(seen.latencies) for seen in outcome.cameras]
    assert min(results) > 0.5 * sum(results) / cameras, "none starves"


def test_several_engines_serve_as_many_frames_as_cores() -> None:
    setting = Setting(cores=4, threads=4, optimize="throughput")
    placed = [(0, number / 40) for number in range(40)]
    outcome = simulate(TIMES, setting, placed, seconds=10)
    assert outcome.results_a_second == pytest.approx(4 / ENGINE, rel=0.03)


def test_auto_uses_one_engine_for_one_camera_and_several_for_many() -> None:
    alone = simulate(TIMES, Setting(cores=2, threads=2), [(0, 0.0)], seconds=5)
    assert alone.latency(0.5) == pytest.approx(TIMES.serial + TIMES.invoke_all_cores / 2)
    many = simulate(
        TIMES, Setting(cores=2, threads=2), [(0, number / 20) for number in range(20)], seconds=10
    )
    assert many.results_a_second == pytest.approx(2 / ENGINE, rel=0.03)


def test_boards_of_one_machine_share_its_cores_and_other_boards_do_not() -> None:
    placed = [(board, number / 10) for board in range(2) for number in range(10)]
    apart = simulate(TIMES, ONE_ENGINE, placed, seconds=10)
    setting = Setting(cores=1, threads=1, optimize="latency", shared=True)
    together = simulate(TIMES, setting, placed, seconds=10)
    assert apart.results_a_second == pytest.approx(2 / ENGINE, rel=0.03)
    assert together.results_a_second == pytest.approx(1 / ENGINE, rel=0.03)


def test_a_slow_link_delays_frames_and_the_newest_one_waits_for_it() -> None:
    link = 1.2e6  # 12 frames a second
    setting = Setting(cores=1, threads=1, optimize="latency", bytes_a_second=link)
    outcome = simulate(TIMES, setting, [(0, 0.0)], seconds=20)
    assert outcome.results_a_second == pytest.approx(12, rel=0.02)
    sending = TIMES.frame_bytes / link
    assert outcome.latency(1.0) <= 1 / 30 + sending + ENGINE + 1e-9


def test_no_simulation_exceeds_the_bounds_on_paper() -> None:
    times = ServiceTimes(
        **{
            **{name: getattr(TIMES, name) for name in TIMES.__dataclass_fields__},
            "front_frame": 0.001,
            "front_result": 0.002,
        }
    )
    setting = Setting(cores=2, threads=2, optimize="throughput")
    cameras = 12
    outcome = simulate(times, setting, [(0, n / cameras) for n in range(cameras)], seconds=20)
    at_most = bounds(times, setting, outcome.share)
    assert at_most.lowest == at_most.cores
    assert cameras <= 1.001 * at_most.cores, "but for the rounding of frames to seconds"
    assert at_most.cores < 1.06 * cameras
    assert math.isinf(at_most.link)


def test_the_same_seed_gives_the_same_outcome() -> None:
    placed = [(0, 0.1), (0, 0.7)]
    assert simulate(TIMES, ONE_ENGINE, placed, seconds=3, seed=4) == simulate(
        TIMES, ONE_ENGINE, placed, seconds=3, seed=4
    )
