"""The daemons of a network, as a table and as lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from edgeseg_client.discovery.found import NO_TLS, FoundDaemon

_TLS = {NO_TLS: "no", "server": "yes", "mutual": "yes, of clients too"}


def daemon_table(daemons: Iterable[FoundDaemon]) -> Table:
    """A row for each daemon."""
    table = Table(pad_edge=False, box=None)
    for heading in ("name", "address", "version", "models", "delegate", "TLS", "metrics"):
        is_long = heading in {"name", "models", "delegate"}
        table.add_column(heading, overflow="fold", no_wrap=not is_long)
    for each in daemons:
        table.add_row(*map(Text, (each.name, *_facts(each))))  # names are no markup of rich's
    return table


def describe_change(what: str, daemon: FoundDaemon) -> str:
    """What happened to a daemon, and how it is now, in a line."""
    address, version, models, delegate, tls, metrics = _facts(daemon)
    told = f"version {version}, models {models}, delegate {delegate}, TLS {tls}, metrics {metrics}"
    return f"{what:8} {daemon.name} at {address}: {told}"


def _facts(daemon: FoundDaemon) -> Iterator[str]:
    more = (f"{daemon.more_models} more",) if daemon.more_models else ()
    yield daemon.address
    yield daemon.version or "-"
    yield ", ".join((*daemon.models, *more)) or "-"
    yield (daemon.delegate or "-") + (" (degraded)" if daemon.degraded else "")
    yield _TLS.get(daemon.tls, daemon.tls)
    yield "-" if daemon.metrics_port is None else f"port {daemon.metrics_port}"
