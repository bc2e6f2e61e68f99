"""The numbers of a stream."""

import json

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import FrameAnswer, Status
from edgeseg_client.decode import ResultReader
from edgeseg_client.summary import Summary

from .scripted_daemon import segmentation


def answer(latency: float = 0.0, status: Status = Status.OK) -> FrameAnswer:
    ok = status is Status.OK
    result = ResultReader().read(pb.SegmentResponse(segmentation=segmentation())) if ok else None
    return FrameAnswer(frame_id=0, status=status, message="", latency=latency, segmented=result)


def test_latencies_and_rates_are_of_results_only() -> None:
    times = iter([10.0, 11.0, 12.0, 14.0])
    summary = Summary(clock=lambda: next(times))
    summary.add(answer(0.1))
    summary.add(answer(9.0, Status.SUPERSEDED))
    summary.add(answer(0.3))

    assert summary.frames == 3
    assert summary.latency(50) == pytest.approx(0.2)
    assert summary.results_per_second == pytest.approx(2 / 4)
    assert (summary.model, summary.delegate) == ("toy 0123456789ab", "cpu")


def test_what_was_dropped_on_purpose_did_not_fail() -> None:
    summary = Summary()
    for status in Status:
        summary.add(answer(status=status))

    assert summary.frames == len(Status)
    assert summary.failed == len(Status) - 3


def test_an_empty_stream_has_a_summary() -> None:
    empty = json.loads(json.dumps(Summary().as_dict()))

    assert empty["frames"] == 0
    assert empty["latency_p99"] is None
    assert empty["results_per_second"] == 0.0
