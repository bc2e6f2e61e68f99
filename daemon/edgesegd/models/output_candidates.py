"""The outputs of a graph: what is known about each, and how they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.image_input import ImageInput
from edgesegd.models.mask_kind import MaskValues, Unclear, can_be, decide_kind, why_unreadable
from edgesegd.models.mask_layout import NoMap, find_map, layout_of
from edgesegd.models.meaning.axes import is_sideways
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.first_view import FirstView
from edgesegd.models.meaning.follow import Meanings
from edgesegd.models.pixel_map import Layout, PixelMap
from edgesegd.models.spec import OutputKind, TensorSpec
from edgesegd.models.tflite.graph import Graph, Tensor

_MIN_CLASSES_OF_HEADS: Final = 3
_SCORES_OF_CLASSES: Final = {OutputKind.LOGITS, OutputKind.PROBABILITIES}
_OF_CLASSES: Final = {Origin.SOFTMAX, Origin.IDS}
_CONTRADICTION: Final = {OutputKind.MULTILABEL, OutputKind.PROBABILITIES}
"""Of the same scores: whether a pixel may be of several classes or of none, or is of one."""
_FINEST_OF_DETECTORS: Final = 8
"""Pixels of the picture for each of the finest head of a detector, at least."""


@dataclass(frozen=True, slots=True)
class OutputWishes:
    """What the sidecar says about the output; None for what it does not say.

    `unit` is the value that means a probability of 1. `shape` is height and width of the mask,
    pixels.
    """

    position: int | None = None
    kind: OutputKind | None = None
    unit: float | None = None
    shape: tuple[int, int] | None = None
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One output, with what is known about it; `why_not` is empty if it is a mask."""

    position: int
    tensor: TensorSpec
    text: str
    facts: Facts
    map: PixelMap | None
    kind: OutputKind | None
    why_not: str
    keys: tuple[OutputKind, ...] = ()
    is_question: bool = False
    has_names: bool = False
    has_assumed_size: bool = False


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a graph, and how they depend on each other."""

    graph: Graph
    names: Mapping[int, str]
    image: ImageInput
    wishes: OutputWishes
    meanings: Meanings
    view: FirstView
    name_counts: Mapping[int, int]

    def candidate(self, position: int) -> Candidate:
        """What is known about one output."""
        at, wishes = self.graph.outputs[position], self.wishes
        tensor, facts = self.graph.tensors[at], self.meanings.of(at)
        text = f"{position}: {self.names.get(at) or tensor.spec.name or 'unnamed'} {tensor}"
        image = self.image.map
        shape = _shape_in_use(tensor, self.image, wishes.shape or (image.height, image.width))
        spec = replace(tensor.spec, shape=shape)
        if why_not := why_unreadable(spec):
            return Candidate(position, spec, text, facts, None, None, why_not)
        is_assumed = shape != tensor.spec.shape and wishes.shape is None
        axes, layout = facts.axes, wishes.layout
        if shape != tensor.spec.shape:  # axes of other lengths, in the same order
            axes, layout = None, layout or layout_of(facts.axes)
        found = find_map(shape, axes, image, wanted=wishes.shape, layout=layout)
        if shape != tensor.spec.shape and is_sideways(facts.axes):
            found = NoMap("its rows and columns are exchanged")
        if self.view.is_sideways and wishes.shape is None and wishes.layout is None:
            found = NoMap(
                "the graph exchanges the picture's rows and columns first: output.shape = "
                "[height, width] of the mask, if they are not exchanged in it",
                is_question=True,
            )
        if isinstance(found, NoMap):
            return Candidate(
                *(position, spec, text, facts, None, None, found.reason),
                is_question=found.is_question,
            )
        if wishes.kind is not None:
            fits = can_be(spec, found, wishes.kind)
            why_not = "" if fits else f"it cannot be {wishes.kind.value!r}"
            return Candidate(
                *(position, spec, text, facts, found, wishes.kind, why_not),
                has_assumed_size=is_assumed,
            )
        # A tensor's name is that of all modules it is in; the last one is what it is.
        both_names = f"{tensor.spec.name.rpartition('/')[2]} {self.names.get(at, '')}"
        has_names = self.name_counts.get(position) == found.channels
        kind = decide_kind(
            MaskValues(both_names, spec, found, image, facts, has_names, self.view.is_part)
        )
        if isinstance(kind, Unclear):
            return Candidate(position, spec, text, facts, found, None, kind.reason, kind.keys)
        return Candidate(
            *(position, spec, text, facts, found, kind, ""),
            has_names=has_names,
            has_assumed_size=is_assumed,
        )

    def best(self, masks: Sequence[Candidate]) -> Candidate:
        """The largest mask; of equally large ones, one with scores, and the last that is computed.

        So probabilities come before their own scores, and a mask that is made of several others, as
        of a network with deep supervision, before these.
        """
        largest = max(area(each) for each in masks)
        large = [each for each in masks if area(each) == largest]
        scored = [each for each in large if each.kind is not OutputKind.LABELS] or large
        last = [
            each
            for each in scored
            if not any(self._is_derived(other, each) for other in scored if other is not each)
        ]
        for each in last:
            others = [other for other in last if other is not each]
            if len(others) > 1 and all(self._is_made_of(each, other) for other in others):
                return each
        return (last or scored)[0]

    def check_others(
        self, taken: Candidate, candidates: Sequence[Candidate], sidecar_name: str
    ) -> tuple[str, ...]:
        """A note on each output that is not taken; raises ModelInvalid if one is no such mask."""
        others = [each for each in candidates if each is not taken]
        sources = [each for each in others if self._is_made_of(taken, each)]
        notes = []
        for other in others:
            why = self._why_not_taken(other, taken)
            if not why and len(sources) > 1 and other in sources:
                why = "the output that is served is computed from this one and others"
            if not why:
                every = "; ".join(each.text for each in candidates)
                raise ModelInvalid(
                    f"the model has {len(candidates)} outputs of which several may be the mask, or "
                    f"which are of another task: {every}. Write into {sidecar_name} which one is "
                    "the mask: output.index = its number"
                )
            notes.append(f"output {other.text} is not served: {why}")
        return tuple(notes)

    def _why_not_taken(self, other: Candidate, taken: Candidate) -> str:
        """Why another output is not needed; "" if it has nothing to do with the mask."""
        if self._is_derived(other, taken):
            return "it is computed from the output that is served"
        if self._is_derived(taken, other):
            return "the output that is served is computed from it"
        if self._scores_of(taken) == self._scores_of(other):
            contradict = {taken.kind, other.kind} == _CONTRADICTION
            return "" if contradict else "both are computed from the same scores"
        is_smaller = _are_alike(other, taken) and area(other) < area(taken)
        if is_smaller and not self._may_be_detector(taken):
            return "it is a smaller mask of as many classes"
        return ""

    def _may_be_detector(self, taken: Candidate) -> bool:
        """Whether the largest of several heads is as coarse as a detector's, and nothing names it.

        A softmax over the classes of a pixel is not found in those.
        """
        if taken.map is None or taken.has_names or taken.facts.origin in _OF_CLASSES:
            return False
        return max(taken.map.size) * _FINEST_OF_DETECTORS <= max(self.image.map.size)

    def _is_made_of(self, one: Candidate, other: Candidate) -> bool:
        """Whether one output is computed from the scores of another, by more layers."""
        later, scores = self.graph.outputs[one.position], self._scores_of(other)
        return later != scores and self.meanings.comes_from(later, scores)

    def _scores_of(self, one: Candidate) -> int:
        """The tensor of scores from which an output is computed; itself if it is none."""
        return self.meanings.scores_of(self.graph.outputs[one.position])

    def _is_derived(self, one: Candidate, other: Candidate) -> bool:
        """Whether one output is a function of another, as ids or probabilities are of scores."""
        later, earlier = self.graph.outputs[one.position], self.graph.outputs[other.position]
        return later != earlier and self.meanings.comes_from(later, earlier, directly=True)


def _are_alike(one: Candidate, other: Candidate) -> bool:
    """Whether two outputs are masks of the same classes, as those of auxiliary heads are.

    Two masks of one or two classes each are rather two tasks.
    """
    if one.map is None or other.map is None or one.map.channels != other.map.channels:
        return False
    same_kind = one.kind is other.kind or {one.kind, other.kind} == _SCORES_OF_CLASSES
    return same_kind and one.map.channels >= _MIN_CLASSES_OF_HEADS


def _shape_in_use(tensor: Tensor, image: ImageInput, mask: tuple[int, int]) -> tuple[int, ...]:
    """The shape of an output when the input has its size in use.

    An output of any size is taken to have a `mask` of this height and width; an engine checks it
    when it loads the model.
    """
    has_own = image.has_own_size and sum(each > 1 for each in tensor.spec.shape) > 1
    if tensor.has_fixed_size or has_own:
        return tensor.spec.shape
    signature = (1, *tensor.signature[1:])
    sides = iter((prod(mask),) if signature.count(-1) == 1 else mask)
    return tuple(next(sides, 1) if each == -1 else each for each in signature)


def area(candidate: Candidate) -> int:
    """The pixels of a mask; 0 for what is none."""
    return candidate.map.height * candidate.map.width if candidate.map else 0
