"""Finds the picture in an output tensor, from its graph or else from its shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from edgesegd.models.image_input import MAX_SIDE
from edgesegd.models.meaning.axes import Axes, Axis
from edgesegd.models.pixel_map import Layout, PixelMap

_COARSEST: Final = 16
"""Pixels of the picture for each of a mask; coarser maps are rather those of a detector."""


@dataclass(frozen=True, slots=True)
class NoMap:
    """Why a tensor is not a mask of the picture, or what a sidecar has to say of it."""

    reason: str
    is_question: bool = False


def find_map(
    shape: tuple[int, ...],
    axes: Axes | None,
    image: PixelMap,
    *,
    wanted: tuple[int, int] | None = None,
    layout: Layout | None = None,
) -> PixelMap | NoMap:
    """How an output of that shape is a mask of `image`.

    `axes` is what its graph proves, None if nothing. `wanted` (height and width) and `layout`
    are what the sidecar says; they come first.
    """
    if not all(each >= 1 for each in shape):
        return NoMap("its shape is not that of a mask")
    proven = None if axes is None else _from_axes(axes)
    if wanted is not None:
        return _of_size(shape, proven, wanted, layout)
    if proven is None:
        found = _from_shape(shape, image, layout)
    elif isinstance(proven, PixelMap) and layout not in {None, proven.layout}:
        return NoMap(f"its graph shows that it is {proven.layout}")
    else:
        found = proven
    if isinstance(found, NoMap):
        return found
    why_not = _why_not(found, shape, image)
    return NoMap(why_not) if why_not else found


def _why_not(found: PixelMap, shape: tuple[int, ...], image: PixelMap) -> str:
    """Why a map cannot be a mask of the image; "" if it can."""
    if found.height * found.width * found.channels != prod(shape):
        return f"its shape {shape} and its graph contradict each other"
    if not all(2 <= side <= MAX_SIDE for side in found.size):
        return f"a mask has 2 to {MAX_SIDE} rows and columns"
    if not _covers(found, image):
        return f"its {found.width}x{found.height} has not the picture's aspect ratio"
    if max(found.size) * _COARSEST < max(image.size) - _COARSEST:
        return f"its {found.width}x{found.height} is too coarse for a mask"
    return ""


def layout_of(axes: Axes | None) -> Layout | None:
    """Whether channels are first or last, of axes of any lengths; None if it is not known."""
    order = [axis for axis, _ in axes or ()]
    if Axis.CHANNEL not in order or not {Axis.ROW, Axis.COLUMN} & set(order):
        return None
    return Layout.CHANNELS_FIRST if order[0] is Axis.CHANNEL else Layout.CHANNELS_LAST


def _of_size(
    shape: tuple[int, ...],
    proven: PixelMap | NoMap | None,
    wanted: tuple[int, int],
    layout: Layout | None,
) -> PixelMap | NoMap:
    height, width = wanted
    channels, rest = divmod(prod(shape), width * height)
    if rest or channels == 0:
        return NoMap(f"{width}x{height} pixels do not fit into {shape}")
    if isinstance(proven, PixelMap):
        if proven.size != (width, height):
            return NoMap(f"its graph shows that it is {proven}, not {width}x{height}")
        layout = layout or proven.layout
    if layout is None and channels > 1 and shape[-1] != channels:
        layout = Layout.CHANNELS_FIRST
    return PixelMap(height, width, channels, layout or Layout.CHANNELS_LAST)


def _from_axes(axes: Axes) -> PixelMap | NoMap:
    match axes:
        case ((Axis.ROW, height), (Axis.COLUMN, width)):
            return PixelMap(height, width, 1)
        case ((Axis.ROW, height), (Axis.COLUMN, width), (Axis.CHANNEL, channels)):
            return PixelMap(height, width, channels)
        case ((Axis.CHANNEL, channels), (Axis.ROW, height), (Axis.COLUMN, width)):
            return PixelMap(height, width, channels, Layout.CHANNELS_FIRST)
    order = ", ".join(axis.value for axis, _ in axes) or "nothing"
    return NoMap(f"its values are in the order {order}, which is not that of a mask")


def _from_shape(shape: tuple[int, ...], image: PixelMap, layout: Layout | None) -> PixelMap | NoMap:
    if len(shape) == 4 and shape[0] != 1:
        return NoMap(f"it has {shape[0]} masks")
    sides = tuple(each for each in shape if each != 1)
    candidates = _candidates(sides, image)
    if layout is not None:
        candidates = [each for each in candidates if each.channels == 1 or each.layout is layout]
    fitting = [each for each in candidates if _covers(each, image)]
    if not fitting:
        return NoMap("its shape is not that of a mask")
    if len(fitting) > 1:
        fitting = [each for each in fitting if each.size == image.size] or fitting
    if len(fitting) > 1:
        return NoMap(
            "its channels may be first or last: output.layout = "
            f'"{Layout.CHANNELS_FIRST}" or "{Layout.CHANNELS_LAST}"',
            is_question=True,
        )
    return fitting[0]


def _candidates(sides: tuple[int, ...], image: PixelMap) -> list[PixelMap]:
    """The masks that a shape without dimensions of size 1 may be."""
    pixels, first = image.height * image.width, Layout.CHANNELS_FIRST
    match sides:
        case (count,) if count == pixels:
            return [PixelMap(image.height, image.width, 1)]
        case (count, channels) if count == pixels:
            return [PixelMap(image.height, image.width, channels)]
        case (channels, count) if count == pixels:
            return [PixelMap(image.height, image.width, channels, first)]
        case (height, width):
            return [PixelMap(height, width, 1)]
        case (one, two, three):
            return [PixelMap(one, two, three), PixelMap(two, three, one, first)]
    return []


def _covers(mask: PixelMap, image: PixelMap) -> bool:
    """Whether a mask has the image's aspect ratio, up to one row and column.

    This distinguishes a mask from a detector's list of boxes, which may have the shape (1, H, W).
    """
    return abs(mask.height * image.width - mask.width * image.height) <= image.height + image.width
