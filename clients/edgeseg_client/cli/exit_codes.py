"""The exit statuses of the command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit status of `edgeseg`."""

    OK = 0
    FRAMES_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class UsageError(Exception):
    """An argument cannot be used; the message says what to write instead."""
