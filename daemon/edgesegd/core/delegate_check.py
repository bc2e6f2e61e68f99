"""A check of a delegate that serves: what it made of a frame, and what the CPU made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DelegateCheck:
    """One frame that the CPU ran too.

    `agreement` is the share of its pixels that have the CPU's class, from 0 to 1. `agrees` is
    whether that is enough, and the values are near enough to the CPU's.
    """

    agreement: float
    agrees: bool
