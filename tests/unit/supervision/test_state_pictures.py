"""The pictures in docs/architecture.md show the tables of states, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import pytest

from edgesegd.supervision import delegate_health, engine_state
from edgesegd.supervision.delegate_health import DelegateHealth
from edgesegd.supervision.engine_state import EngineState

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"
PICTURE = re.compile(r"```mermaid\nstateDiagram-v2\n(.*?)```", re.DOTALL)
ARROW = re.compile(r"^  (\w+) --> (\w+): (\w+), .+$", re.MULTILINE)

Arrow = tuple[str, str, str]
"""A state, the one that follows it, and the event between them."""


def drawn_from(first: Enum) -> str:
    """The picture that begins with a state."""
    begin = f"[*] --> {first.name}"
    (found,) = (each for each in PICTURE.finditer(PAGE.read_text()) if begin in each.group(1))
    return found.group(1)


@pytest.mark.parametrize(
    ("first", "table"),
    [
        (DelegateHealth.CLOSED, delegate_health.TRANSITIONS),
        (EngineState.STARTING, engine_state.TRANSITIONS),
    ],
)
def test_each_arrow_of_a_picture_is_a_line_of_the_table(
    first: Enum, table: Mapping[tuple[Enum, Enum], Enum]
) -> None:
    drawn: list[Arrow] = ARROW.findall(drawn_from(first))
    lines = [(state.name, to.name, event.name) for (state, event), to in table.items()]
    assert sorted(drawn) == sorted(lines)
    arrows = drawn_from(first).count("-->")
    assert arrows == len(lines) + drawn_from(first).count("[*]"), "all arrows were read"
