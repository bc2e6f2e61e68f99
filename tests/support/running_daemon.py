"""The real daemon as users start it, and what Prometheus sees of it."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Protocol

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from edgesegd.bench.launch import LaunchedDaemon


class RunningDaemon(LaunchedDaemon):
    """A daemon in a process of its own, on free ports."""

    def engines(self) -> list[int]:
        """The process ids of its children: engines, where nothing is probed."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return list(map(int, Path(children).read_text(encoding="ascii").split()))

    def metrics_page(self) -> str:
        """What Prometheus would get now."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as page:
            text: str = page.read().decode()
        return text

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """The samples of that name that carry these labels."""
        return [
            sample
            for family in text_string_to_metric_families(self.metrics_page())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that carry these labels."""
        return sum(sample.value for sample in self.samples(name, **labels))


class Launch(Protocol):
    """Starts a daemon that is stopped at the end of the test, unless the test did."""

    def __call__(self, *flags: str) -> RunningDaemon:
        """The daemon, ready."""
