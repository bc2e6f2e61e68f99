"""Draws the readings of a soak as an SVG picture: a panel for each quantity, faults as lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from soaking.readings import Reading

PANELS: tuple[tuple[str, dict[str, str]], ...] = (
    ("memory, MB", {"front_mb": "front", "engine_mb": "engine", "leased_mb": "leased"}),
    ("open descriptors", {"front_descriptors": "front", "engine_descriptors": "engine"}),
    ("a camera's frames, ms", {"p50_ms": "p50", "p99_ms": "p99"}),
)
COLORS = ("#36588c", "#b3541e", "#4d8a4d")
WIDTH, HEIGHT, LEFT, RIGHT, GAP, TOP = 860, 150, 50, 90, 50, 30
"""Of the picture, and of each panel, in pixels."""
ROUND = (1.0, 2.0, 5.0, 10.0)
"""The ends of axes are these times a power of ten."""


def draw(path: Path, readings: Sequence[Reading], faults: Sequence[float]) -> None:
    """Write the picture; `faults` are moments in minutes. Raises OSError."""
    last = max(reading.minutes for reading in readings)
    height = TOP + len(PANELS) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, lines) in enumerate(PANELS):
        panel = _Panel(TOP + number * (HEIGHT + GAP), last, _highest(readings, lines))
        parts += panel.frame(title, faults)
        for place, (name, label) in enumerate(lines.items()):
            points = [(each.minutes, getattr(each, name)) for each in readings]
            parts += panel.line(points, label, COLORS[place], place)
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _highest(readings: Sequence[Reading], names: dict[str, str]) -> float:
    """The end of an axis: a round number that is not less than any value."""
    values = [getattr(each, name) for each in readings for name in names]
    largest = max([1.0, *(value for value in values if not math.isnan(value))])
    power = 10.0 ** math.floor(math.log10(largest))
    return next(each * power for each in ROUND if each * power >= largest)


class _Panel:
    """A diagram from 0 to `last` minutes and from 0 to `highest`, with its upper end at `top`."""

    def __init__(self, top: int, last: float, highest: float) -> None:
        self._top, self._last, self._highest = top, last, highest

    def _x(self, minutes: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minutes / self._last

    def _y(self, value: float) -> float:
        return self._top + HEIGHT * (1 - value / self._highest)

    def frame(self, title: str, faults: Sequence[float]) -> Iterator[str]:
        """The title, the axes and the moments of the faults."""
        bottom, right = self._top + HEIGHT, WIDTH - RIGHT
        yield f'<text x="{LEFT}" y="{self._top - 8}" font-weight="bold">{escape(title)}</text>'
        for minutes in faults:
            x = self._x(minutes)
            yield f'<path d="M{x:.1f} {self._top}V{bottom}" stroke="#e4c9c9"/>'
        yield f'<path d="M{LEFT} {self._top}V{bottom}H{right}" stroke="#555" fill="none"/>'
        for value in (0.0, self._highest / 2, self._highest):
            y = self._y(value) + 4
            yield f'<text x="{LEFT - 6}" y="{y:.1f}" text-anchor="end">{value:g}</text>'
        for part in range(5):
            minutes = self._last * part / 4
            text = f"{minutes:.0f}" + (" min" if part == 4 else "")
            yield (
                f'<text x="{self._x(minutes):.1f}" y="{bottom + 16}" text-anchor="middle">'
                f"{text}</text>"
            )

    def line(
        self, points: Sequence[tuple[float, float]], label: str, color: str, place: int
    ) -> Iterator[str]:
        """A line through the points, with gaps where a value is NaN, and its label."""
        path, pen = "", "M"
        for minutes, value in points:
            if math.isnan(value):
                pen = "M"
                continue
            path += f"{pen}{self._x(minutes):.1f} {self._y(value):.1f}"
            pen = "L"
        yield f'<path d="{path}" stroke="{color}" fill="none" stroke-width="1.5"/>'
        y = self._top + 12 + 16 * place
        yield f'<text x="{WIDTH - RIGHT + 8}" y="{y}" fill="{color}">{escape(label)}</text>'
