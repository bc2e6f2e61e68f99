"""Finds the input of a graph that takes the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.pixel_map import ChannelOrder, Layout, PixelMap
from edgesegd.models.spec import TensorSpec
from edgesegd.models.tflite.graph import Graph, Tensor

MAX_SIDE: Final = 8192
"""Pixels."""
DEFAULT_SIDE: Final = 256
"""The side of an input for which the file gives no size at all."""

_DTYPES: Final = ("float32", "uint8", "int8")
_CHANNELS: Final = (1, 3, 4)
_NEEDED: Final = (
    f"(1, H, W, 3) or (1, 3, H, W) of {', '.join(_DTYPES)} is needed, or 1 or 4 in place of 3"
)


@dataclass(frozen=True, slots=True)
class InputWishes:
    """What the sidecar says about the input; None for what it does not say.

    `size` is width and height in pixels, for a model that takes any size. `order` is that of red,
    green and blue. `alpha` is the value of the fourth channel, 0 to 255.
    """

    size: tuple[int, int] | None = None
    layout: Layout | None = None
    order: ChannelOrder | None = None
    alpha: int | None = None


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input: its tensor with the shape that it has in use, and the picture in it.

    `notes` says what was not certain and how it was decided. `has_any_size` is whether the model
    takes any size, and `has_own_size` whether the size in use is the one that the file has for all
    its tensors.
    """

    tensor: TensorSpec
    map: PixelMap
    notes: tuple[str, ...] = ()
    has_any_size: bool = False
    has_own_size: bool = True


def find_image_input(graph: Graph, wishes: InputWishes) -> ImageInput:
    """The one input of 1, 3 or 4 channels; raises `ModelInvalid` for all others.

    Raises `ConfigError` if the sidecar asks for what the model does not allow.
    """
    if len(graph.inputs) != 1:
        every = ", ".join(str(graph.tensors[each]) for each in graph.inputs)
        raise ModelInvalid(f"the model has {len(graph.inputs)} inputs ({every}), but one {_NEEDED}")
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.spec.dtype not in _DTYPES:
        raise ModelInvalid(f"the model's input is {tensor}, but {_NEEDED}")
    notes: tuple[str, ...] = ()
    shape = tensor.spec.shape
    if not tensor.has_fixed_size:
        shape, why = _with_size(tensor, wishes)
        notes = (f"the model takes pictures of any size; {why}",)
    elif wishes.size is not None:
        raise ConfigError(f"input.size is for models that take any size; this one takes {tensor}")
    found = _find_map(shape, wishes.layout)
    if found is None and _find_map(shape, None) is not None:
        raise ConfigError(f'input.layout = "{wishes.layout}" does not fit the input {tensor}')
    if found is None or not all(2 <= side <= MAX_SIDE for side in found.size):
        raise ModelInvalid(f"the model's input is {tensor}, but {_NEEDED}")
    return ImageInput(
        tensor=replace(tensor.spec, shape=shape),
        map=found,
        notes=notes,
        has_any_size=bool(notes),
        has_own_size=shape == tensor.spec.shape,
    )


def _with_size(tensor: Tensor, wishes: InputWishes) -> tuple[tuple[int, ...], str]:
    """The shape of an input of any size, and why it is this one."""
    signature = (1, *tensor.signature[1:]) if len(tensor.signature) == 4 else tensor.signature
    missing = [at for at, each in enumerate(signature) if each == -1]
    rows_first = Layout.CHANNELS_LAST if signature[-1] in _CHANNELS else Layout.CHANNELS_FIRST
    sides = (1, 2) if rows_first is Layout.CHANNELS_LAST else (2, 3)
    if len(signature) != 4 or not set(missing) <= set(sides):
        raise ModelInvalid(
            f"the model's input {tensor} has no fixed size, and only its height and width may "
            "vary; convert it with fixed ones"
        )
    if wishes.size is not None:
        width, height = wishes.size
        wanted = dict(zip(sides, (height, width), strict=True))
        if any(signature[at] not in {-1, length} for at, length in wanted.items()):
            raise ConfigError(f"input.size does not fit the model, whose input is {tensor}")
        why = "the sidecar sets the size"
    else:
        given = tensor.spec.shape
        has_sides = len(given) == 4 and all(given[at] >= 2 for at in sides)
        fixed = [signature[at] for at in sides if signature[at] != -1]
        side = fixed[0] if fixed else DEFAULT_SIDE
        wanted = {at: given[at] if has_sides else side for at in sides}
        why = (
            f"{wanted[sides[1]]}x{wanted[sides[0]]} is "
            + ("the file's own default" if has_sides else "a default")
            + "; input.size = [width, height] in a sidecar sets another"
        )
    return tuple(wanted.get(at, length) for at, length in enumerate(signature)), why


def _find_map(shape: tuple[int, ...], layout: Layout | None) -> PixelMap | None:
    """The picture in a shape (1, H, W, C), (1, C, H, W), or without the batch or the channel."""
    sides = shape[1:] if len(shape) in {3, 4} and shape[0] == 1 else shape
    if len(sides) == 2:
        return PixelMap(sides[0], sides[1], 1)
    if len(sides) != 3:
        return None
    last, first = sides[2] in _CHANNELS, sides[0] in _CHANNELS
    if layout is None:
        layout = Layout.CHANNELS_LAST if last else Layout.CHANNELS_FIRST
    if layout is Layout.CHANNELS_LAST and last:
        return PixelMap(sides[0], sides[1], sides[2])
    if layout is Layout.CHANNELS_FIRST and first:
        return PixelMap(sides[1], sides[2], sides[0], layout)
    return None
