"""Each row of the table of faults names tests or commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reliability.md"
EVIDENCE = re.compile(r"`((?:tests|benchmarks)/[^`\s:]+)(?:::(\w+))?`")
SAME = "the same test"


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_fault_says_what_is_lost_and_what_shows_it() -> None:
    assert len(rows()) > 20
    for row in rows():
        assert len(row) == 5, row
        assert all(row), row
        assert EVIDENCE.search(row[4]) or row[4].startswith(SAME), row


def test_what_shows_a_fault_exists() -> None:
    named = EVIDENCE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 20
    for path, test in named:
        assert (ROOT / path).is_file(), path
        if path.startswith("tests/"):
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {test or 'nothing'}\(", text, re.MULTILINE), test
