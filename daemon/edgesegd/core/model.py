"""Identifies the model that made a result."""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One class: its name and its colour."""

    name: str
    color: Color


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A version of a model, and its classes.

    A result refers to the version that made it, because another version may serve when the result
    is sent. `classes` are in the order of the class ids.
    """

    name: str
    version: str
    classes: tuple[ClassSpec, ...] = ()

    def class_name(self, class_id: int) -> str:
        """The name of a class; "class N" if it has none."""
        if class_id < len(self.classes):
            return self.classes[class_id].name
        return unnamed_class_name(class_id)


def unnamed_class_name(class_id: int) -> str:
    """The name for a class without a name."""
    return f"class {class_id}"


NO_MODEL = ModelIdentity("", "")
"""The identity in a result before the front fills it in."""
