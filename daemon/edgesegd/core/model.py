"""Which model made a result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A version of a model, and what its classes are called.

    A result refers to the version that made it: another may serve by the time that it is sent.
    `class_names` are in the order of the classes' ids.
    """

    name: str
    version: str
    class_names: tuple[str, ...] = ()

    def class_name(self, class_id: int) -> str:
        """The name of a class; "class N" where the model gives it none."""
        if class_id < len(self.class_names):
            return self.class_names[class_id]
        return unnamed_class_name(class_id)


def unnamed_class_name(class_id: int) -> str:
    """What a class is called that has no name."""
    return f"class {class_id}"


NO_MODEL = ModelIdentity("", "")
"""Of a result before it is known which engine made it."""
