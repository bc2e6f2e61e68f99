"""The classes of a model: their names and colours, from the best source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.core.model import ClassSpec
from edgesegd.models.mask_output import MAX_CLASSES, MaskOutput
from edgesegd.models.sidecar import Sidecar
from edgesegd.models.spec import OutputKind, unnamed_class

METADATA: Final = "metadata"
"""The name of that source of names."""


@dataclass(frozen=True, slots=True)
class Classes:
    """All classes in order of their ids, and the sources of names and colours.

    For LABELS of which the number of classes is not known, only those with a name or a colour.
    `notes` says if there are not as many names as classes.
    """

    specs: tuple[ClassSpec, ...]
    names_source: str
    palette_source: str
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all classes."""
        return tuple(each.name for each in self.specs)


def choose_classes(
    output: MaskOutput, sidecar: Sidecar, known_names: Iterable[tuple[str, tuple[str, ...]]]
) -> Classes:
    """The sidecar's names and colours, else the first of `known_names`, else "class N".

    Names in a file's metadata are not used if there are not as many as classes: which one is
    missing or too many, perhaps the background, is not known, and all may be off by one. Raises
    `ConfigError` if the sidecar has another number of them than the model has classes.
    """
    count = _class_count(output)
    _check_sidecar(sidecar, count, may_be_fewer=output.kind is OutputKind.LABELS)
    candidates = [("sidecar", sidecar.class_names or ()), *known_names]
    names_source, names = next(((s, each) for s, each in candidates if each), ("default", ()))
    if (output.kind.is_binary or count == 2) and len(names) == 1:
        names = ("background", *names)
    note = _note(len(names), count, names_source)
    if names_source == METADATA and count is not None and len(names) != count:
        names_source, names = "default", ()
    palette = sidecar.palette or ()
    total = min(max(len(names), len(palette)), MAX_CLASSES) if count is None else count
    defaults = [unnamed_class(class_id) for class_id in range(total)]
    return Classes(
        specs=tuple(
            ClassSpec(
                name=names[class_id] if class_id < len(names) else default.name,
                color=palette[class_id] if class_id < len(palette) else default.color,
            )
            for class_id, default in enumerate(defaults)
        ),
        names_source=names_source,
        palette_source="sidecar" if palette else "default",
        notes=(note,) if note else (),
    )


def _note(found: int, count: int | None, source: str) -> str:
    """What to say of a number of names that is not that of the classes; "" if it is."""
    if count is None or not found or found == count:
        return ""
    what = f"the {source} has {found} names for {count} classes"
    if source == METADATA:
        return f"{what}: none is used, for it is not known whose they are; classes.names sets them"
    return f"{what}: {f'the first {count} are used' if found > count else 'the last are numbered'}"


def _class_count(output: MaskOutput) -> int | None:
    """How many classes the output has; None for LABELS if the graph does not show it."""
    if output.kind is OutputKind.LABELS:
        return output.class_count or None
    return 2 if output.kind.is_binary else output.map.channels


def _check_sidecar(sidecar: Sidecar, count: int | None, *, may_be_fewer: bool) -> None:
    for key, found, may_exceed in (
        (
            "file" if sidecar.names_may_exceed else "names",
            sidecar.class_names,
            sidecar.names_may_exceed,
        ),
        ("palette", sidecar.palette, False),
    ):
        if found is None:
            continue
        limit = MAX_CLASSES if count is None else count
        too_many = len(found) > limit and not may_exceed
        too_few = count is not None and len(found) < count and not may_be_fewer
        if too_many or too_few:
            expected = f"at most {limit}" if may_be_fewer else f"{limit}"
            raise ConfigError(
                f"classes.{key} has {len(found)} entries, but the model has {expected} classes"
            )
