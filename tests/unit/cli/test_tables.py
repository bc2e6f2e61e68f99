"""Tables can be read at any width; nothing is cut, and no word is broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edgesegd.cli.tables import Table, lines_of, output_width, print_table, printable

HEADINGS = ("delegate", "ms", "why")
ROWS = (
    ("cpu", "2.0", "the fastest of those that agree with the CPU"),
    ("gpu", "", "library not found: /usr/lib/libtensorflowlite_gpu_delegate.so"),
)
TABLE = Table(HEADINGS, ROWS, prose=frozenset({"why"}))


def test_without_a_width_each_row_is_a_line() -> None:
    assert list(lines_of(TABLE, None)) == [
        "delegate  ms   why",
        "cpu       2.0  the fastest of those that agree with the CPU",
        "gpu            library not found: /usr/lib/libtensorflowlite_gpu_delegate.so",
    ]


def test_sentences_are_wrapped_where_columns_do_not_fit() -> None:
    assert list(lines_of(TABLE, 60)) == [
        "delegate  ms   why",
        "cpu       2.0  the fastest of those that agree with the CPU",
        "gpu            library not found:",
        "               /usr/lib/libtensorflowlite_gpu_delegate.so",
    ]


def test_on_a_narrow_terminal_each_row_is_a_block_without_empty_cells() -> None:
    assert list(lines_of(TABLE, 40)) == [
        "cpu",
        "  ms: 2.0",
        "  why: the fastest of those that agree",
        "    with the CPU",
        "",
        "gpu",
        "  why: library not found:",
        "    /usr/lib/libtensorflowlite_gpu_delegate.so",
    ]


def test_an_indented_title_stays_indented() -> None:
    table = Table(("figure", "here"), [("  queued", "0.2 ms"), ("  wire and front", "2 ms")])
    assert list(lines_of(table, 12)) == [
        "  queued",
        "  here: 0.2",
        "    ms",
        "",
        "  wire and",
        "  front",
        "  here: 2 ms",
    ]


def test_wide_characters_take_two_columns() -> None:
    table = Table(("name", "file"), [("部屋", "a"), ("b", "c")])
    assert list(lines_of(table, None)) == ["name  file", "部屋  a", "b     c"]


def test_names_cannot_control_the_terminal() -> None:
    assert printable("a\x1b[31m\n\udcff\u202e") == r"a\x1b[31m\n\udcff\u202e"


WORDS = st.lists(st.text("abc/.-", min_size=1, max_size=30), max_size=8).map(" ".join)


@given(
    rows=st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=5),
    prose=st.sets(st.sampled_from(HEADINGS)),
    width=st.integers(10, 120),
)
def test_no_word_is_lost_or_broken_at_any_width(
    rows: list[tuple[str, str, str]], prose: set[str], width: int
) -> None:
    lines = list(lines_of(Table(HEADINGS, rows, prose=frozenset(prose)), width))
    shown = [word for line in lines for word in line.split()]
    for word in (word for row in rows for cell in row for word in cell.split()):
        assert word in shown
        shown.remove(word)
    for line in lines:
        assert line == line.rstrip()
        # Only a word that alone is longer than the line may be: it is on a line of its own.
        assert cell_len(line) <= width or len(line.split()) == 1


@pytest.mark.parametrize(
    ("columns", "width"), [("40", 40), ("", None), ("0", None), ("x", None), ("-3", None)]
)
def test_a_pipe_has_a_width_only_if_columns_says_so(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    columns: str,
    width: int | None,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert output_width() == width
    print_table(TABLE)
    assert capfd.readouterr().out.splitlines() == list(lines_of(TABLE, width))
