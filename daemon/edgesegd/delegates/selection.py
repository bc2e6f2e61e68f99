"""The delegates that serve a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.delegates.spec import Choice


@dataclass(frozen=True, slots=True)
class Selection:
    """`ranking` is for one engine, best first, the CPU last; each of `extra` has one of its own."""

    ranking: tuple[Choice, ...]
    extra: tuple[Choice, ...] = ()

    def spread(self, cores: int, threads: int) -> Selection:
        """The same for many frames a second, in the place of the next one soon.

        Where the CPU is the best, several engines with `threads` each fill `cores` better than one
        with all threads does, for nobody waits for the others at the end of an operator. An
        accelerator is filled by one engine.
        """
        if not self.ranking[0][0].is_cpu or self.extra:
            return self
        choice = (self.ranking[0][0], threads)
        return Selection((choice,), (choice,) * (cores // threads - 1))
