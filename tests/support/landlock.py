"""What tests of the sandbox need of this kernel, and how to take it away."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from edgesegd.sandbox.kernel import landlock_version
from edgesegd.sandbox.machine import machine_of_process

NEEDS_LANDLOCK = pytest.mark.skipif(
    landlock_version() == 0,
    reason="this kernel has no Landlock; it is in Linux from 5.13 on, and on with lsm=landlock,…",
)
NEEDS_SECCOMP = pytest.mark.skipif(
    machine_of_process() is None, reason="no filter is known for this machine"
)

_MOUNT = ("unshare", "--user", "--map-current-user", "--mount", "mount", "-ttmpfs", "none", "/mnt")
NEEDS_NAMESPACES = pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.call(_MOUNT) != 0,
    reason="needs unshare of util-linux, and a kernel that gives user namespaces",
)


def _answering(calls: str) -> str:
    """Python code after which the kernel refuses this process some calls: numbers, and errors."""
    return f"""
from edgesegd.sandbox import kernel
from edgesegd.sandbox.filter import ALLOW, ERRNO, IF_EQUAL, LOAD, NUMBER, RETURN
from edgesegd.sandbox.machine import machine_of_process
from edgesegd.sandbox.syscalls import NUMBERS
column = machine_of_process().column
kernel.set_no_new_privileges()
tests = [((IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | error)) for number, error in ({calls},)]
filter_ = [(LOAD, 0, 0, NUMBER), *sum(tests, ()), (RETURN, 0, 0, ALLOW)]
kernel.install_filter(column, filter_)
"""


_LANDLOCK = "(kernel.LANDLOCK_CREATE_RULESET, 38)"
WITHOUT_LANDLOCK = _answering(_LANDLOCK)
"""Python code after which the kernel answers this process as one without Landlock does: ENOSYS."""
WITHOUT_BOTH = _answering(f"{_LANDLOCK}, (NUMBERS['unshare'][column], 1)")
"""The same, and it gets no namespaces either: EPERM, as in many containers."""
