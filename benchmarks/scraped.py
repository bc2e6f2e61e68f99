"""What Prometheus would get from a daemon."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from edgesegd.bench.launch import LaunchedDaemon


def metrics_of(daemon: LaunchedDaemon) -> Iterable[Metric]:
    """The families of its metrics now, with their samples."""
    with urllib.request.urlopen(daemon.metrics_url, timeout=10) as page:  # noqa: S310 # our own
        return text_string_to_metric_families(page.read().decode())
