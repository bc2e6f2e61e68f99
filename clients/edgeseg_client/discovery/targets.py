"""Daemons as Prometheus' targets, in the JSON of its http_sd and file_sd."""

from __future__ import annotations

import json
from collections.abc import Iterable

from edgeseg_client.discovery.found import NO_TLS, FoundDaemon

PREFIX = "__meta_edgeseg_"
"""Prometheus drops labels with two underscores after relabelling."""


def write_targets(daemons: Iterable[FoundDaemon]) -> bytes:
    """A group for each daemon whose metrics can be reached, sorted by name."""
    groups = [
        {"targets": [address], "labels": _labels(daemon)}
        for daemon in sorted(daemons, key=lambda each: each.name)
        if (address := daemon.metrics_address) is not None
    ]
    return json.dumps(groups, indent=2).encode() + b"\n"


def _labels(daemon: FoundDaemon) -> dict[str, str]:
    models = "".join(f"{each}," for each in daemon.models)
    return {
        "__scheme__": "http" if daemon.tls == NO_TLS else "https",
        PREFIX + "name": daemon.name,
        PREFIX + "address": daemon.address,
        PREFIX + "version": daemon.version,
        # With commas around each, as Prometheus has lists, so that ",NAME/.*," matches.
        PREFIX + "models": f",{models}" if models else "",
        PREFIX + "delegate": daemon.delegate,
        PREFIX + "degraded": "true" if daemon.degraded else "false",
        PREFIX + "tls": daemon.tls,
    }
