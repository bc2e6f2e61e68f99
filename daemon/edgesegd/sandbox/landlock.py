"""Landlock: which files a process may open, and that it reaches no process outside."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from edgesegd.sandbox import kernel
from edgesegd.sandbox.files import Files

WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
"""LANDLOCK_ACCESS_FS_* of `linux/landlock.h`: the rights that are given to some files."""
FILES_OF_VERSION = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many kinds of access to files each version of the ABI knows, as bits from 0 on: since 2 REFER
(links and renames to another folder), since 3 TRUNCATE, since 5 IOCTL_DEV."""
NETWORK_SINCE, NETWORK = 4, 0b11
"""LANDLOCK_ACCESS_NET_BIND_TCP and CONNECT_TCP."""
SCOPED_SINCE, SCOPED = 6, 0b11
"""LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and SIGNAL: none to processes outside."""


def restrict(files: Files, version: int) -> None:
    """Let this thread, and those that it starts, open `files` only; raises OSError.

    `version` is that of the kernel's ABI, at least 1. An older one denies less.
    """
    handled = (1 << max(bits for since, bits in FILES_OF_VERSION.items() if since <= version)) - 1
    network = NETWORK if version >= NETWORK_SINCE else 0
    scoped = SCOPED if version >= SCOPED_SINCE else 0
    fields = 1 + (version >= NETWORK_SINCE) + (version >= SCOPED_SINCE)
    ruleset = kernel.create_ruleset(handled, network, scoped, fields)
    try:
        for path in files.readable:
            _allow(ruleset, path, (READ_FILE | READ_DIR) & handled)
        for path in files.devices:
            rights = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV
            _allow(ruleset, path, rights & handled)
        kernel.restrict_thread(ruleset)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Allow rights on a path; one that has gone, or that may not be opened, needs none."""
    with contextlib.suppress(OSError):
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(opened).st_mode):
                rights &= ~READ_DIR
            kernel.allow_beneath(ruleset, opened, rights)
        finally:
            os.close(opened)
