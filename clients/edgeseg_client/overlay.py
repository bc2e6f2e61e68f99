"""Draws the classes of a result over its picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.class_table import NO_CLASS
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import RawImage
from edgeseg_client.info import ClassInfo
from edgeseg_client.label_statistics import count_labels
from edgeseg_client.labels_image import palette
from edgeseg_client.legend import Entry, add_legend
from edgeseg_client.picture_file import decode_file, file_behind, read_file
from edgeseg_client.pixels import pixels_of_array, pixels_of_image
from edgeseg_client.raw_picture import picture_of_raw
from edgeseg_client.result import LabelMap, Result

_UNTINTED: Final = (0, 0, 0)
"""Pixels of a class with this colour, such as VOC's background, are not changed."""

_Encoded = str | os.PathLike[str] | bytes | bytearray | memoryview
Picture = _Encoded | Image.Image | npt.NDArray[Any] | RawImage
"""A path, an encoded picture, a Pillow image, an array (RGB, RGBA or grey, uint8 or uint16), or a
raw frame."""


def overlay(
    image: Picture,
    result: Result,
    classes: Sequence[ClassInfo],
    *,
    alpha: float = 0.5,
    legend: bool = True,
) -> Image.Image:
    """The picture as RGB, its EXIF orientation applied, with each class tinted and outlined.

    The labels are scaled to the picture. `alpha` is the opacity of the class colours, 0.0 to 1.0. A
    legend (colour, name, share of all pixels) is drawn in a corner. If it would hide too much in
    every corner, it is added below the picture, and the returned image is larger.

    Raises `NotAsked` if the result has no labels, `InvalidRequest` if the picture cannot be read.
    """
    if not result.covers_frame:
        raise InvalidRequest(
            "this mask is of the model's input, padded or cut; ask for size='frame' to draw it on"
            " the picture"
        )
    picture = open_picture(image)
    labels = _scale(result.labels, picture.size)
    colors = np.array(palette(classes), np.uint8).reshape(-1, 3)
    shown = np.zeros(len(colors), np.bool_)
    shown[[one.id for one in classes if one.color != _UNTINTED]] = True

    flat = Image.fromarray(colors[labels])
    blend = np.asarray(Image.blend(picture, flat, alpha))
    tinted = np.where(shown[labels][..., None], blend, np.asarray(picture))
    # A light line within the class and a dark one around it: one of them shows on any picture.
    edges = _outlines(labels, max(1, round(min(picture.size) / 300)))
    inside = edges & shown[labels]
    tinted = np.where((edges & ~shown[labels])[..., None], tinted // 3, tinted)
    drawn = Image.fromarray(np.where(inside[..., None], _lighten(colors)[labels], tinted))
    if not legend:
        return drawn
    names = {one.id: one for one in classes}
    areas = count_labels(result.labels)
    entries = [
        Entry(names[id_].name, names[id_].color, areas[id_] / result.labels.size)
        for id_ in sorted(areas, key=lambda id_: -areas[id_])
        if id_ in names and shown[id_]
    ]
    return add_legend(drawn, entries, np.where(shown[labels], labels, np.uint8(NO_CLASS)))


def open_picture(image: Picture) -> Image.Image:
    """The picture that the model saw, as RGB: upright, of 16 bits the upper 8, without alpha."""
    match image:
        case Image.Image():
            file = file_behind(image)
            opened = pixels_of_image(image) if file is None else decode_file(file)
        case np.ndarray():
            pixels = pixels_of_array(image)
            opened = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        case RawImage():
            opened = picture_of_raw(image)
        case bytes() | bytearray() | memoryview():
            opened = decode_file(bytes(image))
        case str() | os.PathLike():
            opened = decode_file(read_file(image))
        case _:
            raise InvalidRequest(
                f"an overlay is not drawn on a {type(image).__name__}; give a path, an encoded"
                " picture, a Pillow image, RGB pixels or a raw frame"
            )
    return opened.convert("RGB")


def _scale(labels: LabelMap, size: tuple[int, int]) -> LabelMap:
    """The labels scaled to `size`, (width, height), by nearest neighbour."""
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _lighten(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Colours most of the way to white, for outlines: they show on dark pictures too."""
    return 255 - (255 - colors) // 4


def _outlines(labels: LabelMap, thickness: int) -> npt.NDArray[np.bool_]:
    """The pixels that have another label at most `thickness` pixels away in their row or column."""
    edges = np.zeros(labels.shape, np.bool_)
    for step in range(1, thickness + 1):
        across = labels[:, :-step] != labels[:, step:]
        down = labels[:-step] != labels[step:]
        edges[:, :-step] |= across
        edges[:, step:] |= across
        edges[:-step] |= down
        edges[step:] |= down
    return edges
