"""What the front may hold follows what the board has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.board import memory as module
from edgesegd.board.memory import (
    board_memory,
    default_frame_bytes,
    default_frame_pixels,
    default_held_bytes,
    free_memory,
    private_memory,
)

MB, GB = 1 << 20, 1 << 30


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(module, "OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def limit(folder: Path, name: str, value: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{value}\n")


def test_without_a_cgroup_it_is_what_the_machine_has(cgroups: Path) -> None:
    machine = board_memory()
    assert machine > 64 * MB
    (cgroups / "own").write_text("0::/\n")
    assert board_memory() == machine


@pytest.mark.parametrize(
    ("own", "folder", "name"),
    [
        ("0::/system.slice/edgesegd.service\n", "system.slice", "memory.max"),
        ("0::/system.slice/edgesegd.service\n", "system.slice/edgesegd.service", "memory.max"),
        ("5:cpu:/x\n4:memory:/docker/abc\n0::/\n", "memory/docker/abc", "memory.limit_in_bytes"),
        ("4:memory,cpu:/docker/abc\n", "memory/docker", "memory.limit_in_bytes"),
    ],
)
def test_the_smallest_limit_on_the_way_to_the_own_cgroup_counts(
    cgroups: Path, own: str, folder: str, name: str
) -> None:
    (cgroups / "own").write_text(own)
    limit(cgroups / "cgroup", "memory.max", "max")
    limit(cgroups / "cgroup" / folder, name, str(32 * MB))
    limit(cgroups / "cgroup" / "elsewhere", name, str(MB))
    assert board_memory() == 32 * MB


def test_a_path_that_leads_out_of_the_cgroups_is_no_fault(cgroups: Path) -> None:
    (cgroups / "own").write_text("0::/../../outside\n")
    assert board_memory() > 64 * MB


@pytest.mark.parametrize(
    ("memory", "pixels", "frame", "held"),
    [
        (256 * MB, 12_500_000, 8 * MB, 64 * MB),
        (512 * MB, 12_500_000, 8 * MB, 128 * MB),
        (2 * GB, 29_826_161, 32 * MB, 256 * MB),
        (64 * GB, 50_000_000, 32 * MB, 256 * MB),
    ],
)
def test_defaults_follow_the_memory_of_the_board(
    memory: int, pixels: int, frame: int, held: int
) -> None:
    assert default_frame_pixels(memory) == pixels
    assert default_frame_bytes(memory) == frame
    assert default_held_bytes(memory, frame) == held


def test_a_few_of_the_largest_frames_can_always_be_held() -> None:
    assert default_held_bytes(512 * MB, 100 * MB) == 800 * MB


@pytest.fixture
def available(cgroups: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 100 MB free of 1 GB."""
    meminfo = cgroups / "meminfo"
    meminfo.write_text("MemTotal:  1048576 kB\nMemFree:  1024 kB\nMemAvailable:  102400 kB\n")
    monkeypatch.setattr(module, "MEMINFO", meminfo)
    return cgroups


def test_free_is_what_the_machine_can_give(available: Path) -> None:
    assert free_memory() == 100 * MB
    (available / "meminfo").unlink()
    assert free_memory() == 0, "the system does not tell"


def test_a_cgroup_has_free_what_it_does_not_use_and_what_files_hold_of_it(available: Path) -> None:
    (available / "own").write_text("0::/unit\n")
    unit = available / "cgroup/unit"
    limit(unit, "memory.max", str(80 * MB))
    limit(unit, "memory.current", str(70 * MB))
    limit(unit, "memory.stat", f"anon 1\ninactive_file {20 * MB}\n")
    assert free_memory() == 30 * MB
    limit(unit, "memory.current", str(120 * MB))
    assert free_memory() == 0


def test_a_process_has_memory_of_its_own() -> None:
    before = private_memory(os.getpid())
    block = b"x" * (32 * MB)
    assert private_memory(os.getpid()) - before > 24 * MB
    del block
    assert private_memory(2**22 + 1) == 0, "there is no such process"
