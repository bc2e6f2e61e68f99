"""Sends spans to an OpenTelemetry collector."""

from __future__ import annotations

import asyncio
import os
import threading

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from edgesegd.observability.tracing.spans import CallTraces
from edgesegd.version import __version__

NAME = "edgesegd"
CLOSE_SECONDS = 2.0
"""How long the last spans may take to be sent when the daemon ends."""


class Traces:
    """Traces of `calls`, which a thread sends to `endpoint` (OTLP over gRPC) in batches.

    If the collector does not take them, spans are dropped, and this is logged; no frame waits.
    OpenTelemetry's own variables say the rest: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
    OTEL_TRACES_SAMPLER (by default each trace that no client says otherwise of),
    OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE and so on.
    """

    def __init__(self, endpoint: str, *, every: int) -> None:
        about = {SERVICE_VERSION: __version__}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            about[SERVICE_NAME] = NAME
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.calls = CallTraces(self._provider.get_tracer(NAME, __version__), every=every)

    async def close(self) -> None:
        """Send what is left, for a bounded time."""
        sending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, CLOSE_SECONDS)
