"""Identifies the model that made a result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A version of a model, and the names of its classes.

    A result refers to the version that made it, because another version may serve when the result
    is sent. `class_names` are in the order of the class ids.
    """

    name: str
    version: str
    class_names: tuple[str, ...] = ()

    def class_name(self, class_id: int) -> str:
        """The name of a class; "class N" if it has none."""
        if class_id < len(self.class_names):
            return self.class_names[class_id]
        return unnamed_class_name(class_id)


def unnamed_class_name(class_id: int) -> str:
    """The name for a class without a name."""
    return f"class {class_id}"


NO_MODEL = ModelIdentity("", "")
"""The identity in a result before the front fills it in."""
