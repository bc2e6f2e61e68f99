"""The spans of calls, of their frames, and of the stages of these."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from edgesegd.core.call import NOT_OBSERVED, AnsweredFrame, CallInfo, CallObserver
from edgesegd.core.result import FrameResult

NANOSECONDS = 1_000_000_000


class CallTraces:
    """Makes a span for each call, as a part of the client's trace if it sends one.

    The client sends it as W3C Trace Context, in the metadata `traceparent` and `tracestate`. A
    frame has a span below that of its call, and each of its stages one below the frame's; of a
    stream, only every `every`th frame has, from the first on, or none if that is 0. A trace that is
    not sampled costs nothing more.

    Names of attributes are those of OpenTelemetry's conventions for RPCs; those of frames begin
    with "edgeseg.".
    """

    def __init__(self, tracer: Tracer, *, every: int) -> None:
        self._tracer = tracer
        self._every = every
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, call: CallInfo) -> CallObserver:
        """A call begins, and its span."""
        span = self._tracer.start_span(
            f"{call.service}/{call.method}",
            context=self._propagator.extract(call.metadata),
            kind=SpanKind.SERVER,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": call.service,
                "rpc.method": call.method,
                **_peer_attributes(call.peer),
            },
        )
        if not span.is_recording():
            return NOT_OBSERVED
        if call.stream_name:
            span.set_attribute("edgeseg.stream", call.stream_name)
        return _TracedCall(self._tracer, span, self._every if call.is_stream else 1)


class _TracedCall(CallObserver):
    """The span of one call, and those of every `every`th frame."""

    def __init__(self, tracer: Tracer, span: Span, every: int) -> None:
        self._tracer = tracer
        self._span = span
        self._every = every
        self._answered = 0
        self._abandoned = 0

    def accepted(self, model: str) -> None:
        if model:
            self._span.set_attribute("edgeseg.model", model)

    def frame_answered(self, frame: AnsweredFrame) -> None:
        if self._every and self._answered % self._every == 0:
            self._add_frame(frame)
        self._answered += 1

    def frames_abandoned(self, count: int) -> None:
        self._abandoned += count

    def ended(self, reason: str) -> None:
        self._span.set_attribute("edgeseg.frames_answered", self._answered)
        self._span.set_attribute("edgeseg.frames_abandoned", self._abandoned)
        if reason:
            self._span.set_status(StatusCode.ERROR, reason)
        self._span.end()

    def _add_frame(self, frame: AnsweredFrame) -> None:
        """The spans of a frame and its stages.

        The lengths of stages are measured. Their beginnings follow from these, as if each began
        when the one before it ended.
        """
        outcome, begun = frame.outcome, frame.received_unix_ns
        span = self._tracer.start_span(
            "frame",
            context=set_span_in_context(self._span),
            start_time=begun,
            attributes={"edgeseg.frame_id": frame.frame_id, "edgeseg.outcome": outcome.outcome},
        )
        if isinstance(outcome, FrameResult):
            span.set_attribute("edgeseg.delegate", outcome.delegate)
            span.set_attribute("edgeseg.model", outcome.model.name)
            span.set_attribute("edgeseg.model_version", outcome.model.version)
        else:
            span.set_status(StatusCode.ERROR, str(outcome))
        within, now = set_span_in_context(span), begun
        for stage, seconds in frame.seconds.items():
            child = self._tracer.start_span(stage.value, context=within, start_time=now)
            now += int(seconds * NANOSECONDS)
            child.end(now)
        span.end(begun + int(frame.total * NANOSECONDS))


def _peer_attributes(peer: str) -> dict[str, str | int]:
    """The client's address, and its port if it has one, of "ipv6:[::1]:41234" or "unix:PATH"."""
    family, _, rest = peer.partition(":")
    host, _, port = rest.rpartition(":")
    if family not in {"ipv4", "ipv6"} or not port.isdecimal():
        return {"network.peer.address": peer}
    return {"network.peer.address": host.strip("[]"), "network.peer.port": int(port)}
