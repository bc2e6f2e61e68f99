"""What is given random input."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Protocol


class Fault(Exception):
    """What must not happen has happened."""


class Target(Protocol):
    """Something that is tried with one case after another; a context manager that ends it.

    It is given `at_a_time` cases at a time, each in a thread of its own.
    """

    name: str
    at_a_time: int

    @property
    def material(self) -> bytes:
        """What the last case of this thread sent or read."""

    def try_case(self, dice: Random) -> str:
        """Make a case with `dice` and try it; returns in a word what became of it.

        Raises Fault, or whatever the tried code must not raise.
        """

    def faults_at_the_end(self) -> Iterator[str]:
        """What is wrong after all cases, such as memory that was not given back."""

    def close(self) -> None:
        """End what the cases were tried on."""
