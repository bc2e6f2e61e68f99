"""Calls the kernel: no_new_privs, seccomp and Landlock."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

from edgesegd.board.system import IS_LINUX
from edgesegd.sandbox.filter import INSTRUCTION, Instruction

PR_SET_NO_NEW_PRIVS = 38
"""Of `linux/prctl.h`."""
SECCOMP = {0: 317, 1: 277, 2: 383}
"""The number of seccomp(2), by the columns of `syscalls.NUMBERS`."""
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 1, 1
"""Of `linux/seccomp.h`; with the flag, all threads of the process get the filter."""
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
"""System calls, the same on all machines that have a filter here."""
LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH = 1, 1
"""Of `linux/landlock.h`."""


class _Program(ctypes.Structure):
    """`struct sock_fprog` of `linux/filter.h`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _RulesetAttributes(ctypes.Structure):
    """`struct landlock_ruleset_attr`; older kernels know only the first fields."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def set_no_new_privileges() -> None:
    """Let no program that this process might start get more rights than it has; raises OSError."""
    check(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def install_filter(column: int, instructions: Sequence[Instruction]) -> None:
    """Let all threads run under a filter from now on; it cannot be removed. Raises OSError."""
    code = b"".join(INSTRUCTION.pack(*each) for each in instructions)
    whole = _Program(len(instructions), code)
    flags = SECCOMP_FILTER_FLAG_TSYNC
    status = libc().syscall(
        ctypes.c_long(SECCOMP[column]), SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(whole)
    )
    if status > 0:
        raise OSError(f"thread {status} cannot get the filter")
    check(status)


def landlock_version() -> int:
    """The version of Landlock's ABI that this kernel has; 0 if it has none, or has it off."""
    try:
        library = libc()
    except OSError:
        return 0
    version: int = library.syscall(
        ctypes.c_long(LANDLOCK_CREATE_RULESET),
        None,
        ctypes.c_size_t(0),
        LANDLOCK_CREATE_RULESET_VERSION,
    )
    return max(0, version)


def create_ruleset(files: int, network: int, scoped: int, fields: int) -> int:
    """The descriptor of a ruleset that denies these rights; raises OSError.

    `fields` is how many of the three the kernel knows.
    """
    attributes = _RulesetAttributes(files, network, scoped)
    size = ctypes.c_size_t(fields * ctypes.sizeof(ctypes.c_uint64))
    return check(
        libc().syscall(ctypes.c_long(LANDLOCK_CREATE_RULESET), ctypes.byref(attributes), size, 0)
    )


def allow_beneath(ruleset: int, path: int, rights: int) -> None:
    """Allow `rights` on the file or folder that is open as `path`; raises OSError."""
    beneath = _PathBeneath(rights, path)
    check(
        libc().syscall(
            ctypes.c_long(LANDLOCK_ADD_RULE),
            ruleset,
            LANDLOCK_RULE_PATH_BENEATH,
            ctypes.byref(beneath),
            0,
        )
    )


def restrict_thread(ruleset: int) -> None:
    """Let this thread, and those that it starts, run under a ruleset; raises OSError."""
    check(libc().syscall(ctypes.c_long(LANDLOCK_RESTRICT_SELF), ruleset, 0))


def libc() -> ctypes.CDLL:
    """The C library; raises OSError elsewhere, where the same numbers are other system calls."""
    if not IS_LINUX:
        raise OSError("this system is not Linux")
    return ctypes.CDLL(None, use_errno=True)


def check(status: int) -> int:
    """The status of a call of `libc`; raises OSError if it failed."""
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return status
