"""Private copies of the files of a version, which cannot change while they may be needed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field

from edgesegd.files.sealed import sealed_file
from edgesegd.models.content import read_content
from edgesegd.models.pair import ModelPair
from edgesegd.models.spec import ModelSpec


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
        with contextlib.suppress(OSError):  # the system has no files in memory
            self.descriptors[model.sha256] = sealed_file("model", [content])
