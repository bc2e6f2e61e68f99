"""How much memory this board has for the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
LIMITS_AND_USES = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)
MEMINFO, PROCESSES = Path("/proc/meminfo"), Path("/proc")


class Memory(NamedTuple):
    """Bytes of the machine, or what a cgroup (systemd, a container) allows of it: all, and free.

    `free` is what further processes could use now; None if the system does not report it.
    """

    size: int
    free: int | None


def read_memory() -> Memory:
    """The memory of the board now."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    free = _kilobytes(MEMINFO, ("MemAvailable",))
    cgroups = _cgroups()
    return Memory(
        min([machine, *(limit for limit, _ in cgroups)]),
        max(0, min([free, *(limit - used for limit, used in cgroups)])) if free else None,
    )


def board_memory() -> int:
    """The `size` of `read_memory`."""
    return read_memory().size


def free_memory() -> int:
    """The `free` of `read_memory`; 0 if the system does not report it."""
    return read_memory().free or 0


def private_memory(pid: int) -> int:
    """Bytes that a process does not share with others; 0 if the system does not report it."""
    process = PROCESSES / str(pid)
    rollup = _kilobytes(process / "smaps_rollup", ("Private_Clean", "Private_Dirty"))
    return rollup or _resident_less_shared(process / "statm")


def _resident_less_shared(statm: Path) -> int:
    """The same of Linux before 4.14, which counts less as shared; see proc(5)."""
    try:
        _, resident, shared, *_ = map(int, statm.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def _kilobytes(file: Path, names: tuple[str, ...]) -> int:
    """The sum of the lines "NAME: N kB", in bytes."""
    try:
        lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return 0
    wanted = {f"{name}:" for name in names}
    return sum(int(words[1]) << 10 for words in lines if words[0] in wanted)


def _cgroups() -> list[tuple[int, int]]:
    """Limit and use, in bytes, of this process's cgroups and of all cgroups above them."""
    found = []
    for own in _own_cgroups():
        for folder in (own, *own.parents):
            if folder.is_relative_to(CGROUPS):
                for limit_name, use_name in LIMITS_AND_USES:
                    found += [
                        (limit, max(0, sum(_number_in(folder / use_name)) - _reclaimable(folder)))
                        for limit in _number_in(folder / limit_name)
                    ]
    return found


def _reclaimable(cgroup: Path) -> int:
    """Bytes of cached files, which are dropped if memory is needed."""
    try:
        text = (cgroup / "memory.stat").read_text(encoding="ascii")
    except (OSError, ValueError):
        return 0
    values = dict(line.split()[:2] for line in text.splitlines() if " " in line)
    return int(values.get("total_inactive_file", values.get("inactive_file", 0)))


def _own_cgroups() -> list[Path]:
    try:
        lines = OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folders.append(CGROUPS / path.lstrip("/"))
        elif "memory" in controllers.split(","):
            folders.append(CGROUPS / "memory" / path.lstrip("/"))
    return folders


def _number_in(file: Path) -> list[int]:
    try:
        return [int(file.read_text(encoding="ascii"))]
    except (OSError, ValueError):  # the file does not exist, or says "max"
        return []


BYTES_A_PIXEL = 18
"""Memory for decoding a WebP, which needs the most: libwebp's, Pillow's and the picture's."""
MIN_FRAME_BYTES, MAX_FRAME_BYTES = 8 << 20, 32 << 20
"""A raw 1080p frame is accepted on any board, a raw 4K frame on boards with 2 GB."""
FRAME_BYTES_SHARE = 64
FRAME_SHARE = 4
"""To decode a picture may take a quarter of the memory."""
MIN_PIXELS, MAX_PIXELS = 12_500_000, 50_000_000
"""A photograph of 12 megapixels is decoded on any board."""
HELD_SHARE = 4
MIN_HELD, MAX_HELD = 64 << 20, 192 << 20
"""Bounds of what the front holds for its clients, which is a quarter of the memory."""


def default_frame_bytes(memory: int) -> int:
    """The largest frame in bytes that a board with `memory` bytes should accept."""
    return min(max(memory // FRAME_BYTES_SHARE, MIN_FRAME_BYTES), MAX_FRAME_BYTES)


def default_frame_pixels(memory: int) -> int:
    """The largest picture in pixels that a board with `memory` bytes should decode."""
    return min(max(memory // FRAME_SHARE // BYTES_A_PIXEL, MIN_PIXELS), MAX_PIXELS)


def default_held_bytes(memory: int, max_frame_bytes: int) -> int:
    """How many bytes the front should hold for clients; at least eight of the largest frames."""
    return max(min(max(memory // HELD_SHARE, MIN_HELD), MAX_HELD), 8 * max_frame_bytes)
