"""The delegates that serve a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.delegates.spec import Choice


@dataclass(frozen=True, slots=True)
class Selection:
    """`ranking` is for one engine, best first, the CPU last; each of `extra` is for one more."""

    ranking: tuple[Choice, ...]
    extra: tuple[Choice, ...] = ()

    def spread(self, cores: int, threads: int) -> Selection:
        """The selection for high throughput instead of low latency.

        If the CPU is the best delegate, several engines with `threads` each use `cores` better than
        one engine with all threads, whose threads wait for each other at the end of each operator.
        One engine is enough to fill an accelerator.
        """
        if not self.ranking[0][0].is_cpu or self.extra:
            return self
        choice = (self.ranking[0][0], threads)
        return Selection((choice,), (choice,) * (cores // threads - 1))
