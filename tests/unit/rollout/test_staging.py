"""Which boards a release is for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.rollout.staging import board_id, is_for, position

BOARDS = [f"{number:032x}" for number in range(20_000)]


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_stage_has_its_share_of_the_boards(percent: float) -> None:
    chosen = sum(is_for(percent, position("winter", board)) for board in BOARDS)
    assert abs(chosen / len(BOARDS) * 100 - percent) < 1


def test_a_larger_stage_has_the_boards_of_the_smaller_ones_and_the_last_has_all() -> None:
    stages = [
        {board for board in BOARDS if is_for(percent, position("winter", board))}
        for percent in (0, 1, 10, 60, 100)
    ]
    assert not stages[0]
    assert all(one < other for one, other in pairwise(stages))
    assert stages[-1] == set(BOARDS)


def test_another_release_has_other_boards_first() -> None:
    first = [
        {board for board in BOARDS if is_for(10, position(release, board))}
        for release in ("winter", "spring")
    ]
    assert len(first[0] & first[1]) < len(BOARDS) * 0.02


def test_the_place_of_a_board_is_the_same_with_every_version() -> None:
    assert position("winter", "board-1") == pytest.approx(68.7597491577062)


def test_a_board_is_told_by_its_machine_id(tmp_path: Path) -> None:
    first, second = tmp_path / "machine-id", tmp_path / "dbus"
    with pytest.raises(ConfigError, match="give a name that no other board has with --board"):
        board_id("", (first, second))
    first.write_text("uninitialized\n")
    second.write_text("0123456789abcdef\n")
    assert board_id("", (first, second)) == "0123456789abcdef"
    first.write_text("fedcba\n")
    assert board_id("", (first, second)) == "fedcba"
    assert board_id("board-1", (first, second)) == "board-1"


def test_the_name_of_a_board_is_text() -> None:
    with pytest.raises(ConfigError, match=r"printable text, not 'board\\udcff'"):
        board_id("board\udcff")  # as Python has a byte of an argument that is not UTF-8
