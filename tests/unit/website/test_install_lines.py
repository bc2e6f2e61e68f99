"""The commands of pip in the docs work from a checkout, for nothing is published yet."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("clients/*/*.md")])
PIP = re.compile(r"pip install (?P<what>[^`\n]*)")
CHECKOUT = re.compile(r"'?(\.|~/edgeseg)(\[(?P<extras>[a-z,-]+)\])?'?$")
OURS = re.compile(r"'?edgeseg\b")
RELEASING = "## Releasing"
"""The heading of CONTRIBUTING.md below which what changes with a release is said."""


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_project_is_installed_from_the_checkout_with_extras_that_exist(path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = path.read_text(encoding="utf-8").partition(RELEASING)[0]
    for match in PIP.finditer(text):
        for word in match["what"].split():
            assert not OURS.match(word), f"{match[0]}: there is no such package yet"
            checkout = CHECKOUT.match(word)
            if checkout is not None and checkout["extras"]:
                extras = set(checkout["extras"].split(","))
                assert extras <= set(project["optional-dependencies"]), match[0]


def test_lines_are_found() -> None:
    found = [each for path in TEXTS for each in PIP.findall(path.read_text(encoding="utf-8"))]
    assert len(found) > 10
