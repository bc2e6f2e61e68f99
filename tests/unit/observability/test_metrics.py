"""The page that Prometheus gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import (
    EngineFailed,
    InvalidFrame,
    InvalidOptions,
    InvalidReason,
    Overloaded,
    Superseded,
    Unimplemented,
    UnknownModel,
)
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.ipc.messages import EngineReady
from edgesegd.observability.delegate_metrics import ProbedCandidate
from edgesegd.observability.engine_processes import RunningEngine
from edgesegd.observability.metrics import Metrics
from edgesegd.observability.model_metrics import BUCKETS, ModelFamilies, ModelMetrics
from edgesegd.version import __version__
from support.model_specs import model_spec

GOLDEN = {
    "edgeseg_build_info": ("gauge", {"version", "python"}),
    "edgeseg_degraded": ("gauge", {"model"}),
    "edgeseg_delegate_agreement_ratio": ("gauge", {"model", "delegate"}),
    "edgeseg_delegate_checks": ("counter", {"model", "delegate", "result"}),
    "edgeseg_delegate_info": ("gauge", {"model", "delegate", "runtime", "threads"}),
    "edgeseg_calls": ("gauge", set()),
    "edgeseg_engine_ready": ("gauge", {"model"}),
    "edgeseg_engine_restarts": ("counter", {"model", "cause"}),
    "edgeseg_frame_seconds": ("histogram", {"model", "delegate"}),
    "edgeseg_frame_age_seconds": ("histogram", {"model", "delegate"}),
    "edgeseg_frames_in_flight": ("gauge", {"model"}),
    "edgeseg_frames": ("counter", {"model", "delegate", "outcome"}),
    "edgeseg_frames_reused": ("counter", {"model", "reason"}),
    "edgeseg_held_bytes": ("gauge", set()),
    "edgeseg_calls_refused": ("counter", {"reason"}),
    "edgeseg_invalid_frames": ("counter", {"model", "reason"}),
    "edgeseg_limits_met": ("counter", {"limit"}),
    "edgeseg_model_asleep": ("gauge", {"model"}),
    "edgeseg_model_info": ("gauge", {"model", "version", "input", "output"}),
    "edgeseg_peers": ("gauge", set()),
    "edgeseg_model_start_time_seconds": ("gauge", {"model"}),
    "edgeseg_model_swaps": ("counter", {"model", "result"}),
    "edgeseg_probe_invoke_seconds": ("gauge", {"model", "candidate", "delegate", "threads"}),
    "edgeseg_probe_passed": ("gauge", {"model", "candidate", "delegate", "threads", "verdict"}),
    "edgeseg_queue_depth": ("gauge", {"model"}),
    "edgeseg_shared_memory_bytes": ("gauge", set()),
    "edgeseg_stage_seconds": ("histogram", {"model", "delegate", "stage"}),
    "edgeseg_streams": ("gauge", {"model"}),
}
"""Each family of the page after a busy day, its type and its labels."""

LIMITS_PAGE = Path(__file__).parents[3] / "docs/limits.md"
OK = FrameResult(1, 1, (1, 1))


class Page:
    """The metrics of a daemon that serves the model "rooms"."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.daemon = Metrics(self.registry)
        self.families = ModelFamilies(self.registry)
        self.depth, self.in_flight = 3, 1
        self.rooms = self.model("rooms")
        self.rooms.serves(model_spec())

    def model(self, name: str) -> ModelMetrics:
        metrics = ModelMetrics(self.families, name)
        metrics.expose(
            queue_depth=lambda: self.depth, in_flight=lambda: self.in_flight, streams=lambda: 2
        )
        return metrics

    def watch(self, *engines: RunningEngine) -> None:
        self.daemon.watch(
            calls=lambda: 5,
            peers=lambda: 3,
            held=lambda: 1000,
            engines=lambda: engines,
            shared_memory=lambda: 4096,
        )


@pytest.fixture
def metrics() -> Page:
    return Page()


def samples(metrics: Page) -> list[Sample]:
    page = generate_latest(metrics.registry).decode()
    return [each for family in text_string_to_metric_families(page) for each in family.samples]


def value(metrics: Page, name: str, **labels: str) -> float | None:
    """The sample of that name with these labels; None if there is none."""
    found = [
        each.value
        for each in samples(metrics)
        if each.name == name and labels.items() <= each.labels.items()
    ]
    assert len(found) <= 1, "ambiguous"
    return found[0] if found else None


def ready(delegate: str, runtime: str, threads: int) -> EngineReady:
    return EngineReady(runtime, delegate, 0, 0, threads, 0.01)


def test_the_metrics_page_of_a_busy_daemon_has_the_golden_families(metrics: Page) -> None:
    metrics.watch()
    metrics.rooms.engines([ready("cpu", "ai-edge-litert 2.1", 4)], degraded=False)
    metrics.rooms.frame_answered(OK, dict.fromkeys(Stage, 0.001), 0.01, "cpu", 0.02)
    metrics.rooms.frame_answered(Superseded("newer"), {}, 0.01, "cpu", 0.02)
    metrics.rooms.engine_lost("crash")
    metrics.rooms.delegates.checked("edgetpu", DelegateCheck(0.995, agrees=True))
    metrics.rooms.delegates.probed([ProbedCandidate("cpu", 4, "chosen", True, 0.01)])
    families = {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        if family.name.startswith("edgeseg_") and "_process_" not in family.name
    }
    found = {
        name: (
            family.type,
            {label for each in family.samples for label in each.labels} - {"le"},
        )
        for name, family in families.items()
    }
    # prometheus_client tells when each counter and histogram began.
    assert {name: each for name, each in found.items() if not name.endswith("_created")} == GOLDEN
    for family in families.values():
        assert family.documentation.endswith((".", "_created"))


def test_metrics_that_alerts_watch_are_there_from_the_start(metrics: Page) -> None:
    assert value(metrics, "edgeseg_engine_ready", model="rooms") == 0
    for cause in ("crash", "hang", "invoke", "start"):
        assert value(metrics, "edgeseg_engine_restarts_total", model="rooms", cause=cause) == 0
    assert value(metrics, "edgeseg_build_info", version=__version__) == 1
    described = {"model": "rooms", "version": "0123456789ab", "input": "8x8"}
    assert value(metrics, "edgeseg_model_info", **described, output="6x4 logits") == 1


def test_a_segmented_frame_is_counted_and_timed(metrics: Page) -> None:
    seconds = {stage: 0.25 * number for number, stage in enumerate(Stage, 1)}
    for _ in range(2):
        metrics.rooms.frame_answered(OK, seconds, 3.0, "cpu")
    who = {"model": "rooms", "delegate": "cpu"}
    assert value(metrics, "edgeseg_frames_total", **who, outcome="ok") == 2
    assert value(metrics, "edgeseg_frame_seconds_count", **who) == 2
    assert value(metrics, "edgeseg_frame_seconds_sum", **who) == 6
    for stage in Stage:
        summed = value(metrics, "edgeseg_stage_seconds_sum", **who, stage=stage.value)
        assert summed == 2 * seconds[stage]


def test_only_segmented_frames_of_a_known_age_have_one(metrics: Page) -> None:
    for outcome, age in ((OK, 0.5), (OK, None), (Superseded("newer"), 0.5), (OK, 2.0)):
        metrics.rooms.frame_answered(outcome, {}, 0.1, "cpu", age)
    who = {"model": "rooms", "delegate": "cpu"}
    assert value(metrics, "edgeseg_frame_age_seconds_count", **who) == 2
    assert value(metrics, "edgeseg_frame_age_seconds_sum", **who) == 2.5
    assert value(metrics, "edgeseg_frame_seconds_count", **who) == 3


def test_reused_results_are_counted_by_reason_and_not_as_invokes(metrics: Page) -> None:
    reused = replace(OK, reused=Reused(7, ReuseMode.UNCHANGED))
    for outcome in (OK, reused, reused):
        stages = {Stage.DECODE: 0.5} if outcome.reused else {Stage.DECODE: 0.5, Stage.INVOKE: 0.5}
        metrics.rooms.frame_answered(outcome, stages, 1.0, "cpu")
    assert value(metrics, "edgeseg_frames_reused_total", model="rooms", reason="unchanged") == 2
    assert value(metrics, "edgeseg_frames_reused_total", model="rooms", reason="identical") == 0
    assert value(metrics, "edgeseg_frames_total", outcome="ok") == 3
    assert value(metrics, "edgeseg_stage_seconds_count", stage="decode") == 3
    assert value(metrics, "edgeseg_stage_seconds_count", stage="invoke") == 1


def test_frames_without_a_result_are_counted_by_why_and_not_timed(metrics: Page) -> None:
    outcomes = {
        "superseded": Superseded("newer"),
        "overloaded": Overloaded("full", 0.1),
        "engine_failed": EngineFailed("crashed"),
    }
    for error in outcomes.values():
        metrics.rooms.frame_answered(error, {Stage.QUEUED: 1.0}, 1.0, "cpu")
    for outcome in outcomes:
        assert value(metrics, "edgeseg_frames_total", delegate="cpu", outcome=outcome) == 1
    assert value(metrics, "edgeseg_frame_seconds_count") is None
    assert value(metrics, "edgeseg_stage_seconds_count") is None


def test_invalid_frames_are_counted_by_reason_and_others_are_not(metrics: Page) -> None:
    for reason in InvalidReason:
        assert value(metrics, "edgeseg_invalid_frames_total", reason=reason) == 0
    invalid = [
        *(InvalidFrame("wrong", reason) for reason in InvalidReason),
        InvalidFrame("wrong in another way"),
        InvalidOptions("unknown output"),
        UnknownModel("unloaded"),
    ]
    for error in (*invalid, Unimplemented("not here"), Superseded("newer")):
        metrics.rooms.frame_answered(error, {}, 1.0, "cpu")
    for reason in InvalidReason:
        twice = reason in (InvalidReason.OTHER, InvalidReason.OPTIONS, InvalidReason.UNKNOWN_MODEL)
        found = value(metrics, "edgeseg_invalid_frames_total", model="rooms", reason=reason)
        assert found == 1 + twice, reason
    assert value(metrics, "edgeseg_frames_total", outcome="invalid") == len(invalid)


def test_frames_whose_clients_left_are_cancelled(metrics: Page) -> None:
    metrics.rooms.frames_abandoned(3, "cpu")
    metrics.rooms.frames_abandoned(0, "cpu")
    assert value(metrics, "edgeseg_frames_total", outcome="cancelled") == 3


def test_metrics_show_the_engines_that_are_ready(metrics: Page) -> None:
    metrics.rooms.engines([ready("cpu", "ai-edge-litert 2.1", 4)], degraded=False)
    assert value(metrics, "edgeseg_engine_ready") == 1
    assert value(metrics, "edgeseg_degraded") == 0
    metrics.rooms.engine_lost("hang")
    metrics.rooms.engines([], degraded=True)
    assert value(metrics, "edgeseg_engine_ready") == 0
    assert value(metrics, "edgeseg_degraded") == 1
    assert value(metrics, "edgeseg_engine_restarts_total", cause="hang") == 1
    assert value(metrics, "edgeseg_engine_restarts_total", cause="crash") == 0
    both = [
        ready("cpu", "tflite-runtime 2.14", 1),
        ready("edgetpu:usb:0", "tflite-runtime 2.14", 1),
    ]
    metrics.rooms.engines(both, degraded=False)
    assert value(metrics, "edgeseg_engine_ready") == 1
    assert value(metrics, "edgeseg_delegate_info", delegate="edgetpu:usb:0") == 1
    metrics.rooms.engines(both[:1], degraded=True)
    assert value(metrics, "edgeseg_delegate_info", runtime="tflite-runtime 2.14", threads="1") == 1
    assert value(metrics, "edgeseg_delegate_info") == 1


def test_checks_of_a_delegate_are_counted_from_when_it_serves_and_show_the_last_agreement(
    metrics: Page,
) -> None:
    metrics.rooms.engines([ready("edgetpu", "x", 1), ready("cpu", "x", 1)], degraded=False)
    who = {"model": "rooms", "delegate": "edgetpu"}
    for result in ("agrees", "differs"):
        assert value(metrics, "edgeseg_delegate_checks_total", **who, result=result) == 0
    assert value(metrics, "edgeseg_delegate_checks_total", delegate="cpu") is None
    assert value(metrics, "edgeseg_delegate_agreement_ratio") is None
    for agreement, agrees in ((0.99, True), (0.97, True), (0.5, False)):
        metrics.rooms.delegates.checked("edgetpu", DelegateCheck(agreement, agrees=agrees))
    assert value(metrics, "edgeseg_delegate_checks_total", **who, result="agrees") == 2
    assert value(metrics, "edgeseg_delegate_checks_total", **who, result="differs") == 1
    assert value(metrics, "edgeseg_delegate_agreement_ratio", **who) == 0.5
    metrics.rooms.serves(model_spec())
    assert value(metrics, "edgeseg_delegate_agreement_ratio") is None, "another version's"
    assert value(metrics, "edgeseg_delegate_checks_total", **who, result="differs") == 1


def test_candidates_of_a_probe_are_shown_with_their_verdict_and_their_time(metrics: Page) -> None:
    metrics.rooms.delegates.probed(
        [
            ProbedCandidate("cpu", 1, "slower", True, 0.05),
            ProbedCandidate("npu", 1, "wrong", False, None),
            ProbedCandidate("npu", 1, "chosen", True, 0.01),
        ]
    )
    for candidate, passed, seconds in (("0", 1, 0.05), ("1", 0, None), ("2", 1, 0.01)):
        which = {"model": "rooms", "candidate": candidate}
        assert value(metrics, "edgeseg_probe_passed", **which) == passed
        assert value(metrics, "edgeseg_probe_invoke_seconds", **which) == seconds
    assert value(metrics, "edgeseg_probe_passed", verdict="wrong", delegate="npu") == 0
    metrics.rooms.delegates.probed([ProbedCandidate("cpu", 1, "chosen", True, 0.04)])
    assert value(metrics, "edgeseg_probe_passed") == 1
    assert value(metrics, "edgeseg_probe_invoke_seconds") == 0.04
    metrics.rooms.delegates.probed([])
    assert value(metrics, "edgeseg_probe_passed") is None


def test_every_limit_that_is_described_has_a_series_before_it_is_met(metrics: Page) -> None:
    """A rate sees no first event of a series that begins with it."""
    described = re.findall(r'(?<=limit=")\w+(?=")|(?<=`)quota_\w+(?=`)', LIMITS_PAGE.read_text())
    shown = [each for each in samples(metrics) if each.name == "edgeseg_limits_met_total"]
    assert {each.labels["limit"] for each in shown} == set(described)


def test_watched_values_are_read_when_the_metrics_page_is(metrics: Page) -> None:
    assert value(metrics, "edgeseg_queue_depth") == 3
    assert value(metrics, "edgeseg_frames_in_flight") == 1
    assert value(metrics, "edgeseg_streams") == 2
    metrics.depth = 9
    assert value(metrics, "edgeseg_queue_depth") == 9


def test_the_memory_of_the_front_and_of_each_engine_are_metrics_of_their_own(metrics: Page) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        own, other = os.getpid(), later.pid
        metrics.watch(
            RunningEngine("rooms", "edgetpu", 0, own),
            RunningEngine("rooms", "cpu", 1, other),
            RunningEngine("garden", "cpu", 0, own),
        )
        memory = "edgeseg_engine_process_resident_memory_bytes"
        for name, labels in (
            ("process_resident_memory_bytes", {}),
            (memory, {"model": "rooms", "delegate": "edgetpu", "engine": "0"}),
            (memory, {"model": "rooms", "delegate": "cpu", "engine": "1"}),
            (memory, {"model": "garden", "delegate": "cpu", "engine": "0"}),
        ):
            found = value(metrics, name, **labels)
            assert found is not None, (name, labels)
            assert found > 1 << 20, (name, labels)
        page = generate_latest(metrics.registry).decode()
        assert page.count(f"# TYPE {memory} gauge\n") == 1
        began = value(metrics, "edgeseg_engine_process_start_time_seconds", engine="1")
        assert began != value(metrics, "edgeseg_engine_process_start_time_seconds", model="garden")
        assert value(metrics, "edgeseg_engine_process_cpu_seconds_total", model="garden")
        later.kill()


def test_the_metrics_page_comes_without_an_engine_and_with_one_that_has_ended(
    metrics: Page,
) -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
    metrics.watch(RunningEngine("rooms", "cpu", 0, ended.pid))
    assert value(metrics, "edgeseg_engine_process_resident_memory_bytes") is None
    assert value(metrics, "process_resident_memory_bytes")


def test_histogram_buckets_rise_by_a_constant_factor_over_the_times_of_boards() -> None:
    assert all(one < other for one, other in pairwise(BUCKETS))
    assert BUCKETS[0] <= 0.0001
    assert 5 < BUCKETS[-1] < 10
    for one, other in pairwise(BUCKETS):
        assert other / one == pytest.approx(1.8, rel=0.01)


def test_metrics_of_two_daemons_in_one_process_are_apart() -> None:
    one, other = Page(), Page()
    one.rooms.frames_abandoned(1, "cpu")
    assert value(other, "edgeseg_frames_total", outcome="cancelled") is None


def test_each_model_has_series_of_its_own_which_end_with_it(metrics: Page) -> None:
    garden = metrics.model("garden")
    for model in (metrics.rooms, garden, garden):
        model.frame_answered(OK, dict.fromkeys(Stage, 0.25), 1.0, "cpu")
    garden.engines([ready("cpu", "ai-edge-litert 2.1", 4)], degraded=False)
    assert value(metrics, "edgeseg_frames_total", model="rooms") == 1
    assert value(metrics, "edgeseg_frames_total", model="garden") == 2
    garden.delegates.checked("edgetpu", DelegateCheck(1.0, agrees=True))
    garden.forget()
    garden.delegates.checked("edgetpu", DelegateCheck(1.0, agrees=True))
    assert {each.labels["model"] for each in samples(metrics) if "model" in each.labels} == {
        "rooms"
    }
    again = metrics.model("garden")
    again.frame_answered(OK, {}, 1.0, "cpu")
    assert value(metrics, "edgeseg_frames_total", model="garden") == 1


def test_the_version_that_serves_is_the_only_one_that_is_shown(metrics: Page) -> None:
    metrics.rooms.serves(replace(model_spec(), sha256="fedcba9876543210" * 4))
    metrics.rooms.swapped(succeeded=True)
    assert value(metrics, "edgeseg_model_info", model="rooms", version="fedcba987654") == 1
    assert value(metrics, "edgeseg_model_info", version="0123456789ab") is None
    assert value(metrics, "edgeseg_model_swaps_total", model="rooms", result="ok") == 1
    assert value(metrics, "edgeseg_model_swaps_total", model="rooms", result="failed") == 0
