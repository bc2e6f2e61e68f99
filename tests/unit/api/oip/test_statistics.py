"""Frames are counted as Triton counts requests."""

from __future__ import annotations

import dataclasses

from edgesegd.api.oip.statistics import model_statistics
from edgesegd.core.errors import Expired
from edgesegd.core.model import ModelIdentity
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.serving.served_model import ServedModel
from support.model_specs import model_spec
from support.served import served

SECONDS = {
    Stage.QUEUED: 0.5,
    Stage.DECODE: 0.01,
    Stage.PREPROCESS: 0.002,
    Stage.INVOKE: 0.1,
    Stage.LABELS: 0.003,
    Stage.ENCODE: 0.0005,
}


def answer(model: ServedModel, version: str = "") -> None:
    """A frame of a model has a result, of the version that serves or another."""
    identity = ModelIdentity(model.name, version or model.spec.version)
    result = FrameResult(4, 6, (8, 8), model=identity)
    model.counts.answered(model.spec.version, result, SECONDS, 0.7)


def test_results_failures_and_stages_are_counted_in_nanoseconds() -> None:
    model = served(model_spec())
    for _ in range(3):
        answer(model)
    model.counts.answered(model.spec.version, Expired("late"), {Stage.QUEUED: 9.0}, 9.5)
    model.counts.abandoned(2)
    statistics = model_statistics(model)
    assert (statistics.name, statistics.version) == ("rooms", "0123456789ab")
    assert (statistics.inference_count, statistics.execution_count) == (3, 3)
    assert statistics.last_inference > 1_600_000_000_000
    parts = statistics.inference_stats
    assert [
        (each.count, each.ns)
        for each in (
            parts.success,
            parts.fail,
            parts.queue,
            parts.compute_input,
            parts.compute_infer,
            parts.compute_output,
        )
    ] == [
        (3, 2_100_000_000),
        (3, 9_500_000_000),
        (3, 1_500_000_000),
        (3, 36_000_000),
        (3, 300_000_000),
        (3, 10_500_000),
    ]


def test_a_reused_result_is_an_inference_without_an_execution() -> None:
    model = served(model_spec())
    answer(model)
    identity = ModelIdentity(model.name, model.spec.version)
    reused = Reused(1, ReuseMode.IDENTICAL)
    result = FrameResult(4, 6, (8, 8), model=identity, reused=reused)
    model.counts.answered(model.spec.version, result, {Stage.QUEUED: 0.5}, 0.6)
    told = model_statistics(model)
    assert (told.inference_count, told.execution_count) == (2, 1)


def test_nothing_was_done_before_the_first_frame() -> None:
    statistics = model_statistics(served(model_spec()))
    assert (statistics.inference_count, statistics.last_inference) == (0, 0)


def test_another_version_begins_anew_and_results_of_the_one_before_count_no_more() -> None:
    model = served(model_spec())
    answer(model)
    before = model.spec.version
    model.spec = dataclasses.replace(model.spec, version_number="2")
    assert model_statistics(model).inference_count == 0
    answer(model)
    answer(model, before)
    statistics = model_statistics(model)
    assert (statistics.version, statistics.inference_count) == ("2", 1)
