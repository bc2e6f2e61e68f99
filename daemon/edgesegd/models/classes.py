"""The classes of a model: their names and colours, from the best source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgesegd.core.errors import ConfigError
from edgesegd.models.mask_output import MAX_CLASSES, MaskOutput
from edgesegd.models.sidecar import Sidecar
from edgesegd.models.spec import ClassSpec, OutputKind, unnamed_class
from edgesegd.models.tensor_meaning import channel_count


@dataclass(frozen=True, slots=True)
class Classes:
    """All classes in order of their ids, and the sources of names and colours.

    For LABELS only those with a name or a colour, because the number of classes is not known.
    """

    specs: tuple[ClassSpec, ...]
    names_source: str
    palette_source: str


def choose_classes(
    output: MaskOutput, sidecar: Sidecar, known_names: Iterable[tuple[str, tuple[str, ...]]]
) -> Classes:
    """The sidecar's names and colours, else the first of `known_names`, else "class N".

    Raises `ConfigError` if the sidecar has another number of them than the model has classes.
    """
    count = _class_count(output)
    _check_sidecar(sidecar, count)
    candidates = [("sidecar", sidecar.class_names or ()), *known_names]
    names_source, names = next(((s, each) for s, each in candidates if each), ("default", ()))
    if output.kind is OutputKind.PROBABILITY and len(names) == 1:
        names = ("background", *names)
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
    )


def _class_count(output: MaskOutput) -> int | None:
    """How many classes the output has; None for LABELS, which may have any number."""
    match output.kind:
        case OutputKind.LABELS:
            return None
        case OutputKind.PROBABILITY:
            return 2
        case OutputKind.LOGITS | OutputKind.PROBABILITIES:
            return channel_count(output.tensor)


def _check_sidecar(sidecar: Sidecar, count: int | None) -> None:
    for key, found, may_exceed in (
        ("names", sidecar.class_names, sidecar.names_may_exceed),
        ("palette", sidecar.palette, False),
    ):
        if found is None:
            continue
        limit = MAX_CLASSES if count is None else count
        too_many = len(found) > limit and not may_exceed
        too_few = count is not None and len(found) < count
        if too_many or too_few:
            expected = f"at most {limit}" if count is None else f"{limit}"
            raise ConfigError(
                f"classes.{key} has {len(found)} entries, but the model has {expected} classes"
            )
