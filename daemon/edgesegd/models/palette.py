"""Colours for classes that have none."""

from __future__ import annotations

from edgesegd.core.model import Color

"""Red, green and blue, 0 to 255."""


def voc_color(class_id: int) -> Color:
    """The colour of a class id, 0 to 255.

    This is `VOClabelcolormap` of the PASCAL VOC development kit (`VOCcode/VOClabelcolormap.m`):
    three bits of the id at a time go to red, green and blue, from the highest bit down. Ids of
    neighbours look different, 0 is black and 255 nearly white.
    """
    red = green = blue = 0
    rest = class_id
    for bit in range(7, -1, -1):
        red |= (rest & 1) << bit
        green |= (rest >> 1 & 1) << bit
        blue |= (rest >> 2 & 1) << bit
        rest >>= 3
    return red, green, blue
