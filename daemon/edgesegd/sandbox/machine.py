"""Which ABI this process has, which may differ from the kernel's."""

from __future__ import annotations

import platform

from edgesegd.board.system import IS_32_BIT, IS_LINUX
from edgesegd.sandbox.syscalls import MACHINES, Machine

SMALLER = {"aarch64": "armv7l", "arm64": "armv7l", "armv8l": "armv7l"}
"""What a 32-bit process on a 64-bit kernel is, as with 32-bit Raspberry Pi OS."""


def machine_of_process() -> Machine | None:
    """The machine, by this process's ABI; None if no filter is known for it."""
    if not IS_LINUX:
        return None
    name = platform.machine()
    if not IS_32_BIT:
        found = MACHINES.get(name)
        return found if found is None or found.column != MACHINES["armv7l"].column else None
    name = SMALLER.get(name, name)
    return MACHINES.get(name) if name.startswith("arm") else None
