"""Spans of calls, frames and stages, in the memory of OpenTelemetry's own SDK."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip(
    "opentelemetry.sdk", reason="OpenTelemetry is missing: pip install 'edgeseg[otel]'"
)

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from edgesegd.core.call import NOT_OBSERVED
from edgesegd.core.errors import InvalidFrame
from edgesegd.observability.tracing.spans import CallTraces
from support.observed_frames import answered, image, stream

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Traced:
    """Traces whose spans stay in memory."""

    def __init__(self, *, every: int = 1, ratio: float = 1.0) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)), shutdown_on_exit=False
        )
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.calls = CallTraces(provider.get_tracer("test"), every=every)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Those that have ended, by name."""
        return [span for span in self._memory.get_finished_spans() if not name or span.name == name]


def test_a_call_continues_the_trace_of_its_client() -> None:
    traced = Traced()
    call = traced.calls.begin(image(traceparent=SAMPLED, tracestate="vendor=1"))
    call.accepted("scenes")
    call.frame_answered(answered(7))
    call.ended("")
    [span] = traced.spans("edgeseg.v1.SegmentationService/SegmentImage")
    assert span.kind is SpanKind.SERVER
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.context.trace_state["vendor"] == "1"
    assert dict(span.attributes or {}) == {
        "rpc.system": "grpc",
        "rpc.service": "edgeseg.v1.SegmentationService",
        "rpc.method": "SegmentImage",
        "network.peer.address": "10.0.0.7",
        "network.peer.port": 41234,
        "edgeseg.model": "scenes",
        "edgeseg.frames_answered": 1,
        "edgeseg.frames_abandoned": 0,
    }
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("peer", "address", "port"),
    [
        ("ipv6:[fe80::1%eth0]:8460", "fe80::1%eth0", 8460),
        ("unix:", "unix:", None),
        ("unix:/run/edgeseg.sock", "unix:/run/edgeseg.sock", None),
    ],
)
def test_a_span_has_the_address_of_its_client_without_grpc_s_prefix(
    peer: str, address: str, port: int | None
) -> None:
    traced = Traced()
    traced.calls.begin(replace(image(), peer=peer)).ended("")
    [span] = traced.spans()
    attributes = dict(span.attributes or {})
    assert attributes["network.peer.address"] == address
    assert attributes.get("network.peer.port") == port


def test_a_frame_has_a_span_with_its_stages_one_after_another() -> None:
    traced = Traced()
    call = traced.calls.begin(image())
    call.frame_answered(answered(7))
    call.ended("")
    [frame] = traced.spans("frame")
    [whole] = traced.spans("edgeseg.v1.SegmentationService/SegmentImage")
    assert frame.parent is not None
    assert frame.parent.span_id == whole.context.span_id
    assert frame.start_time == 1_700_000_000_000_000_000
    assert (frame.end_time or 0) - frame.start_time == 10_000_000
    assert dict(frame.attributes or {}) == {
        "edgeseg.frame_id": 7,
        "edgeseg.outcome": "ok",
        "edgeseg.delegate": "cpu",
        "edgeseg.model": "scenes",
        "edgeseg.model_version": "3",
    }
    stages = [span for span in traced.spans() if span.name in ("queued", "decode", "invoke")]
    assert [span.name for span in stages] == ["queued", "decode", "invoke"]
    assert {span.parent.span_id for span in stages if span.parent} == {frame.context.span_id}
    offsets = [((one.start_time or 0) - frame.start_time) // 1000 for one in stages]
    assert offsets == [0, 1000, 3000]


def test_of_a_stream_every_nth_frame_has_a_span() -> None:
    traced = Traced(every=3)
    call = traced.calls.begin(stream("front"))
    call.accepted("scenes")
    for number in range(8):
        call.frame_answered(answered(number))
    call.frames_abandoned(2)
    call.ended("the client left")
    frames = [dict(span.attributes or {})["edgeseg.frame_id"] for span in traced.spans("frame")]
    assert frames == [0, 3, 6]
    [span] = traced.spans("edgeseg.v1.SegmentationService/Segment")
    about = dict(span.attributes or {})
    assert about["edgeseg.stream"] == "front"
    assert (about["edgeseg.frames_answered"], about["edgeseg.frames_abandoned"]) == (8, 2)
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "the client left",
    )


def test_no_frame_of_a_stream_has_a_span_if_none_is_wanted() -> None:
    traced = Traced(every=0)
    for call in (traced.calls.begin(stream()), traced.calls.begin(image())):
        call.frame_answered(answered(1))
        call.ended("")
    assert len(traced.spans("frame")) == 1, "that of the single image"


def test_a_frame_that_fails_is_an_error_with_its_reason() -> None:
    traced = Traced()
    call = traced.calls.begin(stream())
    call.frame_answered(answered(1, InvalidFrame("the frame has no data")))
    [frame] = traced.spans("frame")
    assert dict(frame.attributes or {})["edgeseg.outcome"] == "invalid"
    assert (frame.status.status_code, frame.status.description) == (
        StatusCode.ERROR,
        "the frame has no data",
    )


def test_a_trace_that_is_not_sampled_is_not_observed() -> None:
    traced = Traced(ratio=0.0)
    assert traced.calls.begin(stream()) is NOT_OBSERVED
    assert traced.calls.begin(stream(traceparent=NOT_SAMPLED)) is NOT_OBSERVED
    assert traced.calls.begin(stream(traceparent=SAMPLED)) is not NOT_OBSERVED
    assert traced.spans() == []


@pytest.mark.parametrize("wrong", ["", "00-0-0-01", f"ff-{TRACE}-{PARENT}-01", "x" * 1000])
def test_a_call_with_a_malformed_trace_context_begins_a_trace_of_its_own(wrong: str) -> None:
    traced = Traced()
    traced.calls.begin(image(traceparent=wrong)).ended("")
    [span] = traced.spans()
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" != TRACE
