"""The delegates that serve a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.core.delegates.spec import Choice


@dataclass(frozen=True, slots=True)
class Selection:
    """`ladder` is for one engine, best first, the CPU last; each of `beside` has one of its own."""

    ladder: tuple[Choice, ...]
    beside: tuple[Choice, ...] = ()
