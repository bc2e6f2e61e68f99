"""Calls the kernel: namespaces and mounts, for a process with a file system of its own."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

from edgesegd.sandbox import kernel
from edgesegd.sandbox.machine import machine_of_process
from edgesegd.sandbox.syscalls import NUMBERS

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
"""Of `linux/sched.h`."""
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 4096, 16384, 1 << 19
MNT_DETACH: Final = 2
"""Of `linux/mount.h` and `sys/mount.h`."""
READ_ONLY, NO_SET_USER, NO_EXEC = 1, 2, 8
"""MOUNT_ATTR_* of `linux/mount.h`."""
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
CAPABILITIES_VERSION_3: Final = 0x20080522
"""Of `linux/fcntl.h` and `linux/capability.h`."""


class _Attributes(ctypes.Structure):
    """`struct mount_attr`."""

    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    )


def leave_namespaces() -> None:
    """Give this process user ids and mounts of its own, which concern no other process.

    Its user and groups stay. Raises OSError, for one with several threads too.
    """
    user, group = os.getuid(), os.getgid()
    kernel.check(kernel.libc().unshare(CLONE_NEWUSER | CLONE_NEWNS))
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny", encoding="utf-8")
    (own / "uid_map").write_text(f"{user} {user} 1", encoding="utf-8")
    (own / "gid_map").write_text(f"{group} {group} 1", encoding="utf-8")
    _mount(None, "/", None, MS_REC | MS_SLAVE)


def mount_empty(folder: Path) -> None:
    """Mount an empty file system on a folder; raises OSError."""
    _mount("none", str(folder), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")


def uncover(folder: Path) -> None:
    """Show what was in a folder before `mount_empty`; raises OSError."""
    kernel.check(kernel.libc().umount2(os.fsencode(folder), MNT_DETACH))


def show_at(opened: int, place: Path, attributes: int) -> None:
    """Show the file or folder that is open as `opened`, with all below, at a place too.

    `attributes` are MOUNT_ATTR_*, for all that is mounted there. Raises OSError.
    """
    _mount(f"/proc/self/fd/{opened}", str(place), None, MS_BIND | MS_REC)
    set_attributes(place, attributes, AT_RECURSIVE)


def set_attributes(place: Path, attributes: int, flags: int = 0) -> None:
    """Set MOUNT_ATTR_* of what is mounted at a place; raises OSError."""
    wanted = _Attributes(set=attributes)
    number = _number("mount_setattr")
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    where = os.fsencode(place)
    kernel.check(
        kernel.libc().syscall(
            ctypes.c_long(number), AT_FDCWD, where, flags, ctypes.byref(wanted), size
        )
    )


def make_root(folder: Path) -> None:
    """Make the file system that is mounted on a folder the whole of it; raises OSError.

    Source of the two dots: pivot_root(2), notes.
    """
    os.chdir(folder)
    number = _number("pivot_root")
    kernel.check(kernel.libc().syscall(ctypes.c_long(number), b".", b"."))
    kernel.check(kernel.libc().umount2(b".", MNT_DETACH))
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up all rights that a user may not have, such as those over new namespaces.

    Raises OSError.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    kernel.check(kernel.libc().capset(header, none))


def _mount(
    source: str | None, place: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, place, kind, options)]
    kernel.check(kernel.libc().mount(*texts[:3], ctypes.c_ulong(flags), texts[3]))


def _number(name: str) -> int:
    machine = machine_of_process()
    number = None if machine is None else NUMBERS[name][machine.column]
    if number is None:
        raise OSError("the numbers of system calls are not known for this machine")
    return number
