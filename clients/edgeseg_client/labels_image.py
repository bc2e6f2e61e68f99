"""Labels as an indexed picture: pixel values are class ids, the palette holds the class colours."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image

from edgeseg_client.class_table import NO_CLASS
from edgeseg_client.info import ClassInfo
from edgeseg_client.result import Result

_NEUTRAL = (128, 128, 128)


def palette(classes: Iterable[ClassInfo]) -> list[int]:
    """256 colours as red, green, blue, …; ids without a class, such as 255, are grey."""
    colors = [_NEUTRAL] * (NO_CLASS + 1)
    for one in classes:
        if one.id < NO_CLASS:
            colors[one.id] = one.color
    return [channel for color in colors for channel in color]


def labels_image(result: Result, classes: Iterable[ClassInfo]) -> Image.Image:
    """A picture of mode "P" and of the result's size, whose pixel values are the labels.

    Raises `NotAsked` if the result has no labels.
    """
    picture = Image.fromarray(result.labels)
    picture.putpalette(palette(classes))
    return picture
