"""A sandbox that refuses memfd_create(2), as old kernels and some containers do.

Its source is to be put into a folder of PYTHONPATH as `sitecustomize.py`: then each Python process
that finds it there, and all that it starts, lives in the sandbox. It is Linux's own, seccomp(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

ERRNO = "TEST_MEMFD_ERRNO"
"""The variable that holds the number of the error."""
NUMBERS = {"x86_64": 319, "aarch64": 279, "armv7l": 385}
"""Of the system call, by machine."""
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
RETURN_ERRNO, RETURN_ALLOW = 0x00050000, 0x7FFF0000


class Program(ctypes.Structure):
    """`struct sock_fprog` of Linux."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse(number: int) -> None:
    """Let memfd_create fail with error `number` in this process and in those that it starts."""
    instruction = struct.Struct("HBBI")
    steps = (
        (LOAD_WORD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, NUMBERS[platform.machine()]),
        (RETURN, 0, 0, RETURN_ERRNO | number),
        (RETURN, 0, 0, RETURN_ALLOW),
    )
    code = b"".join(instruction.pack(*step) for step in steps)
    program = Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)
    ):
        raise OSError(ctypes.get_errno(), "no sandbox can be made")


if ERRNO in os.environ:
    refuse(int(os.environ[ERRNO]))
