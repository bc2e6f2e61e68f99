"""What a stream does, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgeseg_client.summary import STAGES, Summary

_CLASSES_SHOWN = 6


def live_view(summaries: Mapping[str, Summary], states: Mapping[str, str]) -> RenderableType:
    """All sources as they are now; `states` has why a source is lost, "" for one that is not."""
    if len(summaries) == 1:
        name, summary = next(iter(summaries.items()))
        return _details(name, summary, states.get(name, ""))
    table = Table(pad_edge=False, box=None)
    for heading in ("source", "per second", "p50 ms", "p99 ms", "dropped", "failed", "found"):
        text = heading in {"source", "found"}
        table.add_column(heading, justify="left" if text else "right", overflow="fold")
    for name, summary in summaries.items():
        state = states.get(name, "")
        table.add_row(
            Text(name),  # names are no markup of rich's
            f"{summary.recent_rate:.1f}",
            _milliseconds(summary.latency(50)),
            _milliseconds(summary.latency(99)),
            str(summary.dropped),
            str(summary.failed),
            Text(f"lost: {state}", "red") if state else Text(_found(summary)),
        )
    return table


def summary_table(name: str, summary: Summary) -> Table:
    """The numbers of one source; two columns, so that it fits on a narrow terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for left, right in _rows(name, summary):
        table.add_row(Text(left), Text(right))
    return table


def _details(name: str, summary: Summary, state: str) -> RenderableType:
    table = summary_table(name, summary)
    table.add_row("found", Text(_found(summary)))
    return Group(table, Text(f"{name} is lost: {state}", "red")) if state else table


def _rows(name: str, summary: Summary) -> Iterator[tuple[str, str]]:
    yield "source", name
    yield "frames", str(summary.frames)
    for status, count in sorted(summary.statuses.items()):
        yield f"  {status}", str(count)
    if summary.reused:
        yield "  of them reused", str(summary.reused)
    yield "results per second", f"{summary.results_per_second:.1f}"
    for percentile in (50, 99):
        yield f"latency p{percentile}", f"{_milliseconds(summary.latency(percentile))} ms"
    stages = ", ".join(f"{stage} {summary.stage(stage) * 1000:.1f}" for stage in STAGES)
    yield "in the daemon, ms", stages
    yield "model", summary.model or "-"
    yield "delegate", summary.delegate or "-"


def _found(summary: Summary) -> str:
    """The largest classes of the last result."""
    found = [f"{name} {share:.1%}" for name, share in summary.shares.items()]
    more = f", {len(found) - _CLASSES_SHOWN} more" if len(found) > _CLASSES_SHOWN else ""
    return ", ".join(found[:_CLASSES_SHOWN]) + more or "-"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}"
