"""The descriptors of standard input, output and error."""

from __future__ import annotations

import os


def open_standard_descriptors() -> list[int]:
    """Opens the null device in place of each one that is closed; returns those that were closed.

    Otherwise the next file or socket that is opened would get such a number and be used as a
    standard stream.
    """
    opened = []
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened.append(os.open(os.devnull, os.O_RDWR))  # the lowest free number, so this one
    return opened
