"""What tests of the sandbox need of this kernel, and how to take it away."""

from __future__ import annotations

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

WITHOUT_LANDLOCK = """
from edgesegd.sandbox import kernel
from edgesegd.sandbox.filter import ALLOW, ERRNO, IF_EQUAL, LOAD, NUMBER, RETURN
from edgesegd.sandbox.machine import machine_of_process
kernel.set_no_new_privileges()
kernel.install_filter(machine_of_process().column, [
    (LOAD, 0, 0, NUMBER),
    (IF_EQUAL, 0, 1, kernel.LANDLOCK_CREATE_RULESET),
    (RETURN, 0, 0, ERRNO | 38),
    (RETURN, 0, 0, ALLOW),
])
"""
"""Python code after which the kernel answers this process as one without Landlock does: ENOSYS."""
