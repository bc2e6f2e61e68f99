"""Tables and text of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def code(text: str) -> str:
    """The text as code; empty if it is."""
    return f"`{text}`" if text else ""


def join(parts: Iterable[str]) -> str:
    """The parts that are not empty, with a blank line between them."""
    return "\n\n".join(part for part in parts if part)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without the columns that are empty in every row; empty if there is no row."""
    body = [[_cell(cell) for cell in row] for row in rows]
    shown = [number for number in range(len(heading)) if any(row[number] for row in body)]
    lines = [heading, ["---"] * len(heading), *body]
    return "\n".join(f"| {' | '.join(line[n] for n in shown)} |" for line in lines if shown)


def _cell(text: str) -> str:
    """The text in one line; a bar would end the cell, in code too, unless it is escaped."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
