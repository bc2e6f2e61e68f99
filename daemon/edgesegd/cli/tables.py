"""Prints tables that can be read at any width, on a terminal and in a pipe."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = "  "
MIN_PROSE = 24
"""A column of sentences is not made narrower than this; rows become blocks of lines instead."""

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below `headings`; the columns called `prose` hold sentences, which may be wrapped."""

    headings: Row
    rows: Sequence[Row]
    prose: frozenset[str] = frozenset()


def print_table(table: Table) -> None:
    """Print a table to stdout, so that it can be read at the width that there is.

    Each row is one line if the lines fit. If not, sentences are wrapped, or, on a narrow terminal,
    each row becomes a block with a line for each cell. Nothing is cut, and no word, path or hash is
    broken. In a pipe each row is one line however long it is, unless COLUMNS is set, as `watch`
    does.
    """
    for line in lines_of(table, output_width()):
        print(line)


def print_text(text: str, indent: str = "") -> None:
    """Print a sentence to stdout, wrapped where a table would be; see `wrapped`."""
    for line in wrapped(printable(text), output_width(), indent):
        print(line)


def output_width() -> int | None:
    """How many columns stdout has; None for a pipe or a file, whose lines may have any length."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return None


def lines_of(table: Table, width: int | None) -> Iterator[str]:
    """The lines of a table that fit in `width` columns, except for words that are longer."""
    rows = [[printable(cell) for cell in row] for row in table.rows]
    widths = [max(map(columns_of, column)) for column in zip(table.headings, *rows, strict=True)]
    if width is not None and _total(widths) > width:
        narrowed = _narrowed(table, rows, widths, width)
        if narrowed is None:
            yield from _blocks(table.headings, rows, width)
            return
        widths = narrowed
    for row in [table.headings, *rows]:
        yield from _lines_of_row(row, widths)


def wrapped(text: str, width: int | None, indent: str = "  ") -> list[str]:
    """The lines of a text that fit in `width` columns, except for words that are longer.

    Lines after the first begin with `indent`.
    """
    if width is None or columns_of(text) <= width:
        return [text]
    # textwrap leaves out spaces at the beginning, where they are an indent.
    begin = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(),
        width,
        initial_indent=begin,
        subsequent_indent=begin + indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """The text with control characters, which a name may have, as escape sequences."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def columns_of(text: str) -> int:
    """How many columns of a terminal the text takes; wide characters take two."""
    from rich.cells import cell_len  # noqa: PLC0415 - the daemon itself does not need rich

    return cell_len(text)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _narrowed(
    table: Table, rows: Sequence[Row], widths: Sequence[int], width: int
) -> list[int] | None:
    """Widths with which the table fits because sentences are wrapped; None if no widths do."""
    found = list(widths)
    least = {
        index: max([MIN_PROSE, *(columns_of(word) for cell in column for word in cell.split(" "))])
        for index, (heading, *column) in enumerate(zip(table.headings, *rows, strict=True))
        if heading in table.prose
    }
    while (excess := _total(found) - width) > 0:
        able = [index for index, enough in least.items() if found[index] > enough]
        if not able:
            return None
        widest = max(able, key=found.__getitem__)
        found[widest] -= min(excess, found[widest] - least[widest])
    return found


def _lines_of_row(row: Row, widths: Sequence[int]) -> Iterator[str]:
    cells = [wrapped(cell, width, "") for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = (
            part + " " * (width - columns_of(part))
            for part, width in zip(parts, widths, strict=True)
        )
        yield GAP.join(padded).rstrip()


def _blocks(headings: Row, rows: Sequence[Row], width: int) -> Iterator[str]:
    """Each row as its first cell, and below it the others with their headings."""
    for number, (title, *others) in enumerate(rows):
        if number:
            yield ""
        yield from wrapped(title, width, "")
        for heading, cell in zip(headings[1:], others, strict=True):
            if cell:
                yield from wrapped(f"  {heading}: {cell}", width)
