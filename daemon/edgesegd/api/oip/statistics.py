"""A model's statistics, in Triton's form."""

from __future__ import annotations

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.core.result import Stage
from edgesegd.serving.model_counts import ModelCounts
from edgesegd.serving.served_model import ServedModel

PARTS = {
    "queue": (Stage.QUEUED,),
    "compute_input": (Stage.DECODE, Stage.PREPROCESS),
    "compute_infer": (Stage.INVOKE,),
    "compute_output": (Stage.LABELS, Stage.ENCODE),
}
"""Triton's names of the parts of a request, and the stages of a frame that each includes."""


def model_statistics(model: ServedModel) -> pb.ModelStatistics:
    """The counts of the version that serves; zeros if it has answered nothing yet."""
    version, counts = model.spec.version, model.counts
    if counts.version != version:
        counts = ModelCounts()
    durations = {
        part: pb.StatisticDuration(
            count=counts.results, ns=sum(counts.stage_ns[stage] for stage in stages)
        )
        for part, stages in PARTS.items()
    }
    return pb.ModelStatistics(
        name=model.name,
        version=version,
        last_inference=counts.last_unix_ms,
        inference_count=counts.results,
        execution_count=counts.results - counts.reused,
        inference_stats=pb.InferStatistics(
            success=pb.StatisticDuration(count=counts.results, ns=counts.total_ns[True]),
            fail=pb.StatisticDuration(count=counts.failures, ns=counts.total_ns[False]),
            **durations,
        ),
    )
