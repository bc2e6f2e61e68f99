"""Private copies of the files of a version, which cannot change while they may be needed."""

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

    So engines can be started again, and a rollback is possible, even if the files have changed.
    `descriptors` are those of files in memory, by the SHA-256 of their content. If the system has
    no files in memory there are none, and engines read the model's own files.
    """

    pair: ModelPair
    descriptors: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pair: ModelPair) -> KeptModel:
        """Copy the files of a pair; raises ModelInvalid if a file has changed since it was read."""
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
        """Close the copies."""
        while self.descriptors:
            os.close(self.descriptors.popitem()[1])

    def _keep(self, model: ModelSpec) -> None:
        content = read_content(model)
        with contextlib.suppress(AttributeError, OSError):  # the system has no files in memory
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
