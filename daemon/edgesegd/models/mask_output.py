"""Finds the output of a graph that is the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.image_input import ImageInput
from edgesegd.models.mask_kind import unit_of, why_unreadable
from edgesegd.models.meaning.first_view import first_view
from edgesegd.models.meaning.follow import Meanings
from edgesegd.models.output_candidates import Candidate, Outputs, OutputWishes
from edgesegd.models.pixel_map import PixelMap
from edgesegd.models.spec import OutputKind, TensorSpec
from edgesegd.models.tflite.graph import Graph

MAX_CLASSES: Final = 255
"""Ids are 0 to 254, because 255 is "no class" in a mask."""
_ASSUMED_SIZE: Final = (
    "the mask is taken to be as large as the picture, because the file does not say its size; "
    "output.shape = [height, width] in a sidecar sets another"
)


@dataclass(frozen=True, slots=True)
class MaskOutput:
    """The output that is served; `position` is its index among the graph's outputs.

    `unit` is the real value that means a probability of 1. `class_count` is how many classes its
    values can have, 0 if it is not known. `is_placed_by_graph` is whether the graph proves where
    rows, columns and channels are. `reason` says what proves the kind. `notes` says which outputs
    were not taken, and why. `has_assumed_size` is whether only a run shows the mask's size, so that
    it is taken to be the picture's.
    """

    position: int
    tensor: TensorSpec
    map: PixelMap
    kind: OutputKind
    unit: float = 1.0
    class_count: int = 0
    is_placed_by_graph: bool = False
    reason: str = ""
    notes: tuple[str, ...] = ()
    has_assumed_size: bool = False


def find_mask_output(
    graph: Graph,
    image: ImageInput,
    wishes: OutputWishes,
    *,
    names: Mapping[int, str],
    name_counts: Mapping[int, int],
    sidecar_name: str,
) -> MaskOutput:
    """The output that is a mask of the image, or the one that the sidecar names.

    `names` are those of the graph's signature, by the position of their tensors. `name_counts` is
    how many classes of each output have a name, by the output's position. Raises `ModelInvalid` if
    there is none or several could be, with all outputs and what to write into the sidecar;
    `ConfigError` if the sidecar does not fit the model.
    """
    count = len(graph.outputs)
    if wishes.position is not None and wishes.position >= count:
        raise ConfigError(
            f"output.index is {wishes.position}, but the model's outputs are 0 to {count - 1}"
        )
    meanings = Meanings(graph, image.map)
    outputs = Outputs(graph, names, image, wishes, meanings, first_view(meanings), name_counts)
    positions = range(count) if wishes.position is None else [wishes.position]
    candidates = [outputs.candidate(each) for each in positions]
    masks = [each for each in candidates if not each.why_not]
    if not masks:
        _refuse(candidates, wishes, sidecar_name)
    taken = outputs.best(masks)
    notes = outputs.check_others(taken, candidates, sidecar_name)
    if taken.has_assumed_size:
        notes = (_ASSUMED_SIZE, *notes)
    return _served(taken, notes, wishes)


def _served(taken: Candidate, notes: tuple[str, ...], wishes: OutputWishes) -> MaskOutput:
    kind, found = taken.kind, taken.map
    if kind is None or found is None:
        raise ModelInvalid("no output is a mask")
    facts = taken.facts
    ids = facts.class_count if kind is OutputKind.LABELS else 0
    _check_class_count(max(found.channels, ids))
    return MaskOutput(
        position=taken.position,
        tensor=taken.tensor,
        map=found,
        kind=kind,
        is_placed_by_graph=facts.axes is not None,
        unit=unit_of(taken.tensor, kind, facts) if wishes.unit is None else wishes.unit,
        class_count=facts.class_count if facts.class_count <= MAX_CLASSES else 0,
        has_assumed_size=taken.has_assumed_size,
        reason="the sidecar says so" if wishes.kind else _proof(taken),
        notes=notes,
    )


def _proof(taken: Candidate) -> str:
    made_by = taken.facts.made_by
    if not made_by:
        return f"of its shape and {taken.tensor.dtype}"
    return f"made by {made_by}"


def _refuse(candidates: Sequence[Candidate], wishes: OutputWishes, sidecar_name: str) -> None:
    every = "; ".join(f"{each.text} ({each.why_not})" for each in candidates) or "missing"
    if all(why_unreadable(each.tensor) for each in candidates) and candidates:
        raise ModelInvalid(f"its output cannot be read: {every}")
    if wishes.kind is not None:
        raise ConfigError(
            f'output.kind = "{wishes.kind}" does not fit the model, whose output is {every}'
        )
    keys = next((each.keys for each in candidates if each.keys), ())
    if any(each.is_question for each in candidates) and not keys:
        raise ModelInvalid(
            f"it cannot be known how the output is arranged: {every}. Write it into "
            f"{sidecar_name}, under [output] (docs/models.md)"
        )
    if not keys:
        raise ModelInvalid(
            f"this is not a single-image segmentation model: its output is {every}, but a mask "
            f"(1, H, W, C) is needed. If one is a mask all the same, write into {sidecar_name} "
            "which and what: output.index, output.kind, output.shape (docs/models.md)"
        )
    index = "" if len(candidates) == 1 else "output.index, and "
    raise ModelInvalid(
        f"it cannot be known what the values of the output mean: {every}. Write into "
        f"{sidecar_name} what they are, {index}output.kind = "
        + " or ".join(f'"{each.value}"' for each in keys)
        + " (docs/models.md)"
    )


def _check_class_count(count: int) -> None:
    if count > MAX_CLASSES:
        raise ModelInvalid(
            f"the model has {count} classes; at most {MAX_CLASSES} are possible, "
            'because 255 means "no class"'
        )
