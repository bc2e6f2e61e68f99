"""The descriptors of standard input, output and error."""

from __future__ import annotations

import os


def open_standard_descriptors() -> list[int]:
    """Opens those that are closed on the null device, or the next file would be taken for one.

    Returns those that were.
    """
    opened = []
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened.append(os.open(os.devnull, os.O_RDWR))  # the lowest that is free, so this one
    return opened
