"""Draws a dashboard of Grafana as an SVG, from its JSON and from what its queries give."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

COLUMN, ROW, GAP, MARGIN = 50, 30, 8, 12
"""Pixels of a unit of the grid, and between panels."""
LEGEND, AXIS = 16, 58
COLOURS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0")
HIDDEN_LABELS = {"__name__", "job"}
STYLE = (
    "text{font:11px sans-serif;fill:#ccccdc}.t{font-weight:bold}.n{font-size:26px}"
    ".a{fill:#8e8ea0;font-size:10px}.p{fill:#181b1f;stroke:#2c3235}.g{stroke:#2c3235}"
)


@dataclass(frozen=True)
class Line:
    """A series: its legend, its labels, and its values by time in seconds, at least one."""

    legend: str
    labels: dict[str, str]
    points: list[tuple[float, float]]


def draw_dashboard(dashboard: dict[str, Any], lines: dict[tuple[int, str], list[Line]]) -> str:
    """The SVG; `lines` are the series by the number of the panel and the query."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    width = 24 * COLUMN + 2 * MARGIN
    height = max(place["y"] + place["h"] for place in places) * ROW + 2 * MARGIN
    drawn = [
        _panel(
            panel,
            [line for target in panel.get("targets", []) for line in lines[number, target["expr"]]],
        )
        for number, panel in enumerate(dashboard["panels"])
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f"<title>{escape(dashboard['title'])}</title><style>{STYLE}</style>"
        f'<rect width="{width}" height="{height}" fill="#111217"/>{"".join(drawn)}</svg>\n'
    )


def with_legend(template: str, labels: dict[str, str]) -> str:
    """A legend with the values of labels in place of their names."""
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), template).strip()


def shown(value: float, unit: str) -> str:
    """A value with its unit, as short as it can be read."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "celsius":
        return f"{value:.3g} °C"
    if unit == "s":
        return _duration(value)
    if unit in {"bytes", "hertz"}:
        return _with_prefix(value) + {"bytes": "B", "hertz": "Hz"}[unit]
    return f"{value:.3g}{unit.removeprefix('suffix:') if unit.startswith('suffix:') else ''}"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms"


def _with_prefix(value: float) -> str:
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g} "


def _panel(panel: dict[str, Any], lines: Sequence[Line]) -> str:
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN + MARGIN, place["y"] * ROW + MARGIN
    width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    title = f'<text class="t" x="8" y="16">{escape(panel["title"])}</text>'
    if panel["type"] == "row":
        return f'<g transform="translate({x} {y})">{title}</g>'
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    unit = (panel.get("options") or {}).get("yAxis", {}).get("unit", unit)
    inside = {"stat": _number, "table": _table, "heatmap": _heatmap}.get(panel["type"])
    stacked = '"mode": "normal"' in str(panel.get("fieldConfig")).replace("'", '"')
    drawn = (
        inside(lines, width, height, unit)
        if inside is not None
        else _graph(lines, width, height, unit, stacked=stacked)
    )
    frame = f'<rect class="p" width="{width}" height="{height}" rx="2"/>'
    return f'<g transform="translate({x} {y})">{frame}{title}{drawn}</g>'


def _number(lines: Sequence[Line], width: int, height: int, unit: str) -> str:
    text = shown(lines[0].points[-1][1], unit) if lines else "no data"
    return (
        f'<text class="n" x="{width / 2}" y="{height / 2 + 20}" text-anchor="middle">'
        f"{escape(text)}</text>"
    )


def _table(lines: Sequence[Line], width: int, height: int, unit: str) -> str:
    del unit
    end = max((line.points[-1][0] for line in lines), default=0)
    present = [line for line in lines if line.points[-1][0] == end]
    names = sorted({name for line in present for name in line.labels} - HIDDEN_LABELS)
    rows = [names, *([line.labels.get(name, "") for name in names] for line in present)]
    sizes = [min(max(len(row[column]) for row in rows), 20) + 2 for column in range(len(names))]
    step = (width - 8) / max(sum(sizes), 1)
    drawn = []
    for number, row in enumerate(rows[: (height - 30) // 18]):
        for column, text in enumerate(row):
            kept = text if len(text) <= 20 else f"{text[:18]}…"
            x, y, opacity = 8 + sum(sizes[:column]) * step, 38 + number * 18, 1 if number else 0.6
            drawn.append(
                f'<text class="a" x="{x:.0f}" y="{y}" opacity="{opacity}">{escape(kept)}</text>'
            )
    return "".join(drawn)


def _heatmap(lines: Sequence[Line], width: int, height: int, unit: str) -> str:
    """Each bucket's own count over time: those of the histogram are of all up to an edge."""
    ordered = sorted(lines, key=lambda line: float(line.labels["le"]))
    counts = [dict(line.points) for line in ordered]
    own = [
        {time: value - lower.get(time, 0.0) for time, value in upper.items()}
        for upper, lower in zip(counts, [{}, *counts], strict=False)
    ]
    used = [number for number, each in enumerate(own) if max(each.values(), default=0) > 0]
    if not used:
        return ""
    most = max(max(own[number].values()) for number in used)
    times = sorted({time for each in own for time in each})
    wide, high = (width - AXIS - 12) / len(times), (height - 44) / len(used)
    drawn = []
    for row, number in enumerate(reversed(used)):
        top = 26 + row * high
        edge = float(ordered[number].labels["le"])
        text = shown(edge, unit) if math.isfinite(edge) else "more"
        drawn.append(
            f'<text class="a" x="{AXIS - 4}" y="{top + high / 2 + 3:.1f}" text-anchor="end">'
            f"{text}</text>"
        )
        for column, time in enumerate(times):
            if (share := own[number].get(time, 0) / most) > 0.005:
                drawn.append(
                    f'<rect x="{AXIS + column * wide:.1f}" y="{top:.1f}" width="{wide + 0.3:.1f}" '
                    f'height="{high - 1:.1f}" fill="#ef843c" opacity="{share**0.5:.2f}"/>'
                )
    return "".join(drawn)


def _graph(lines: Sequence[Line], width: int, height: int, unit: str, *, stacked: bool) -> str:
    if not lines:
        return f'<text x="{width / 2}" y="{height / 2}" text-anchor="middle">no data</text>'
    if stacked:
        lines = [line for line in lines if any(value for _, value in line.points)] or lines
    courses = _stacked(lines) if stacked else [line.points for line in lines]
    values = [value for points in courses for _, value in points]
    times = [time for points in courses for time, _ in points]
    low, high = min(0.0, *values), max(values)
    high = high * 1.08 if high > low else low + 1
    begin, end = min(times), max(*times, min(times) + 1)
    legends = [line.legend for line in lines][: (height // 2 - 20) // LEGEND]
    bottom = height - 10 - LEGEND * len(legends)

    def at(time: float, value: float) -> str:
        x = AXIS + (time - begin) / (end - begin) * (width - AXIS - 12)
        return f"{x:.1f},{bottom - (value - low) / (high - low) * (bottom - 30):.1f}"

    drawn = []
    for share in (0, 0.5, 1):
        value = low + (high - low) * share
        y = bottom - share * (bottom - 30)
        drawn.append(
            f'<path class="g" d="M{AXIS} {y:.1f}H{width - 12}"/><text class="a" x="{AXIS - 4}" '
            f'y="{y + 3:.1f}" text-anchor="end">{escape(shown(value, unit))}</text>'
        )
    for number, points in enumerate(courses):
        path = " ".join(at(*point) for point in points)
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[number % len(COLOURS)]}" '
            'stroke-width="1.5"/>'
        )
    for number, legend in enumerate(legends):
        y = bottom + 4 + LEGEND * (number + 0.7)
        drawn.append(
            f'<rect x="{AXIS}" y="{y - 5:.1f}" width="10" height="3" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
            f'<text class="a" x="{AXIS + 16}" y="{y:.1f}">{escape(legend)}</text>'
        )
    return "".join(drawn)


def _stacked(lines: Sequence[Line]) -> list[list[tuple[float, float]]]:
    """Each course on top of those before it."""
    below: dict[float, float] = {}
    courses = []
    for line in lines:
        for time, value in line.points:
            below[time] = below.get(time, 0.0) + value
        courses.append([(time, below[time]) for time, _ in line.points])
    return courses
