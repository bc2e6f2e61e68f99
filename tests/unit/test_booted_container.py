"""The limits of a container: one until its command begins, another until that ends."""

from __future__ import annotations

from pathlib import Path

from support.booted_container import run_until


def run(script: str, sign: Path, *, begin: float, end: float) -> tuple[bool, bool, str]:
    return run_until(["sh", "-c", script], sign, begin_seconds=begin, end_seconds=end)


def test_what_begins_and_ends_gives_its_output(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    assert run(f"touch {sign}; echo done", sign, begin=30, end=30) == (True, True, "done\n")


def test_what_does_not_begin_is_killed_and_so_is_what_does_not_end(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    assert run("echo waits; exec sleep 60", sign, begin=0.3, end=60) == (False, False, "waits\n")
    begun = f"touch {sign}; echo hangs; exec sleep 60"
    assert run(begun, sign, begin=30, end=0.3) == (True, False, "hangs\n")


def test_the_time_until_the_beginning_is_none_of_the_time_until_the_end(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    late = f"sleep 0.7; touch {sign}; sleep 0.7; echo done"
    assert run(late, sign, begin=30, end=30) == (True, True, "done\n")
