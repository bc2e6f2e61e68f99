"""Memory that two processes share."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgesegd.ipc.arena import Arena

CHILD = """
import sys
from edgesegd.ipc.arena import Arena
arena = Arena(int(sys.argv[1]), slots=3, slot_size=5000)
slot = arena.slot(1)
slot[:] = bytes(slot)[::-1]
"""


def test_two_mappings_of_an_arena_see_each_others_writes() -> None:
    ours = Arena.create(slots=3, slot_size=5000)
    theirs = Arena(os.dup(ours.fd), slots=3, slot_size=5000)
    ours.slot(2)[:5] = b"frame"
    assert bytes(theirs.slot(2)[:5]) == b"frame"
    theirs.slot(2)[:6] = b"result"
    assert bytes(ours.slot(2)[:6]) == b"result"
    ours.close()
    assert bytes(theirs.slot(2)[:6]) == b"result"
    theirs.close()


def test_the_slots_of_an_arena_do_not_overlap() -> None:
    arena = Arena.create(slots=3, slot_size=5000)
    for number in range(3):
        slot = arena.slot(number)
        assert len(slot) == 5000
        assert not any(slot)
        slot[:] = bytes([number + 1]) * 5000
        slot.release()
    assert [set(arena.slot(number)) for number in range(3)] == [{1}, {2}, {3}]
    arena.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a slot keeps its memory")
@pytest.mark.parametrize("pages", [2, 2.5], ids=["whole pages", "half a page more"])
@pytest.mark.parametrize("discarded", range(3))
def test_a_discarded_slot_takes_no_memory_and_the_others_keep_their_content(
    pages: float, discarded: int
) -> None:
    arena = Arena.create(slots=3, slot_size=int(pages * mmap.PAGESIZE))
    content = bytes([1, 2, 3, 4, 5]) * arena.slot_size
    for number in range(3):
        arena.slot(number)[:] = content[: arena.slot_size]
    full = os.fstat(arena.fd).st_blocks
    arena.discard(discarded)
    assert os.fstat(arena.fd).st_blocks == full * 2 // 3
    assert not any(arena.slot(discarded))
    for number in {0, 1, 2} - {discarded}:
        assert bytes(arena.slot(number)) == content[: arena.slot_size]
    arena.close()


def test_another_process_changes_one_slot_of_an_arena_and_leaves_the_others() -> None:
    arena = Arena.create(slots=3, slot_size=5000)
    slot = arena.slot(1)
    slot[:] = bytes(range(250)) * 20
    subprocess.run([sys.executable, "-c", CHILD, str(arena.fd)], pass_fds=[arena.fd], check=True)
    assert bytes(slot) == (bytes(range(250)) * 20)[::-1]
    assert not any(arena.slot(0))
    slot.release()
    arena.close()


@pytest.mark.parametrize("memfd", [True, False])
def test_an_arena_has_no_name_in_the_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, memfd: bool
) -> None:
    """Neither with memfd nor on a platform without it (macOS)."""
    if not memfd:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arena = Arena.create(slots=2, slot_size=5000)
    named = os.fstat(arena.fd)
    assert named.st_nlink == 0
    assert not list(tmp_path.iterdir())
    shared_memory = Path("/dev/shm")  # noqa: S108 # POSIX shared memory would be here
    if shared_memory.is_dir():
        inodes = {(each.stat().st_dev, each.stat().st_ino) for each in shared_memory.iterdir()}
        assert (named.st_dev, named.st_ino) not in inodes
    arena.slot(1)[:3] = b"yes"
    assert bytes(arena.slot(1)[:3]) == b"yes"
    arena.close()


def test_closing_an_arena_closes_its_descriptor() -> None:
    arena = Arena.create(slots=2, slot_size=5000)
    arena.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(arena.fd)


def test_views_that_are_still_held_outlive_the_arena() -> None:
    arena = Arena.create(slots=2, slot_size=5000)
    with arena.slot(0) as slot:
        slot[:4] = b"held"
        arena.close()
        assert bytes(slot[:4]) == b"held"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_arena_that_cannot_be_mapped_leaves_no_descriptor() -> None:
    before = descriptors()
    for _ in range(3):
        with pytest.raises((OSError, OverflowError)):
            Arena.create(slots=1, slot_size=1 << 62)
    assert descriptors() == before


def test_a_file_in_the_place_of_memory_has_its_room_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that is full later would end the process that writes to it."""

    def refuse(_name: str) -> int:
        raise OSError(errno.ENOSYS, "refused")

    monkeypatch.setattr(os, "memfd_create", refuse)
    arena = Arena.create(slots=2, slot_size=1 << 20)
    assert os.fstat(arena.fd).st_blocks * 512 >= 2 << 20
    arena.close()
    with pytest.raises(OSError, match=r"No space|too large"):
        Arena.create(slots=1, slot_size=1 << 50)


def test_a_lack_of_descriptors_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        Arena.create(slots=1, slot_size=1000)
