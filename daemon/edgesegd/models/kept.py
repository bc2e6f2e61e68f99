"""Copies of the files of a version, that nobody can change while it may be needed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass, field

from edgesegd.models.content import read_content
from edgesegd.models.pair import ModelPair
from edgesegd.models.spec import ModelSpec

NOT_TO_BE_CHANGED = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL")


@dataclass(slots=True, eq=False)
class KeptModel:
    """A version of a model and the bytes of its files.

    So engines can be started again, and a version go back to the one before, whatever lies in the
    place of its files by then. `descriptors` are of files in memory, by the SHA-256 of what they
    hold; where the system has no such files there are none, and engines read the model's own.
    """

    pair: ModelPair
    descriptors: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pair: ModelPair) -> KeptModel:
        """A copy of what was read; raises ModelInvalid where a file is another by now."""
        kept = cls(pair)
        try:
            for model in (pair.plain, pair.compiled):
                if model is not None:
                    kept._keep(model)
        except BaseException:
            kept.close()
            raise
        return kept

    def close(self) -> None:
        """Nobody needs it any more."""
        while self.descriptors:
            os.close(self.descriptors.popitem()[1])

    def _keep(self, model: ModelSpec) -> None:
        content = read_content(model)
        with contextlib.suppress(AttributeError, OSError):  # there are no files in memory here
            descriptor = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(content)
                seals = [getattr(fcntl, name) for name in NOT_TO_BE_CHANGED]
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, sum(seals))
            except BaseException:
                os.close(descriptor)
                raise
            self.descriptors[model.sha256] = descriptor
