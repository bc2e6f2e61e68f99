"""Draws the classes of a result over its picture."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from edgeseg_client.encode import read_picture
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import PixelArray
from edgeseg_client.info import ClassInfo
from edgeseg_client.labels_image import palette
from edgeseg_client.legend import Entry, add_legend
from edgeseg_client.result import NO_CLASS, LabelMap, Result

_UNTINTED: Final = (0, 0, 0)
"""Pixels of a class with this colour, such as VOC's background, are not changed."""

Picture = str | os.PathLike[str] | bytes | Image.Image | PixelArray
"""A path, an encoded picture, a Pillow image, or RGB pixels of shape (H, W, 3)."""


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
    picture = open_picture(image)
    labels = _scale(result.labels, picture.size)
    colors = np.array(palette(classes), np.uint8).reshape(-1, 3)
    shown = np.zeros(len(colors), np.bool_)
    shown[[one.id for one in classes if one.color != _UNTINTED]] = True

    flat = Image.fromarray(colors[labels])
    blend = np.asarray(Image.blend(picture, flat, alpha))
    tinted = np.where(shown[labels][..., None], blend, np.asarray(picture))
    outline = _outlines(labels, max(1, round(min(picture.size) / 500))) & shown[labels]
    drawn = Image.fromarray(np.where(outline[..., None], _lighten(colors)[labels], tinted))
    if not legend:
        return drawn
    names = {one.id: one for one in classes}
    entries = [
        Entry(names[id_].name, names[id_].color, share)
        for id_, share in result.shares.items()
        if id_ in names and shown[id_]
    ]
    return add_legend(drawn, entries, np.where(shown[labels], labels, np.uint8(NO_CLASS)))


def open_picture(image: Picture) -> Image.Image:
    """The picture as RGB with its EXIF orientation applied."""
    match image:
        case Image.Image():
            opened = image
        case np.ndarray():
            opened = Image.fromarray(image)
        case bytes():
            opened = _decode(image)
        case _:
            opened = _decode(read_picture(image))
    return (ImageOps.exif_transpose(opened) or opened).convert("RGB")


def _decode(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except OSError as error:
        raise InvalidRequest(f"the picture cannot be decoded: {error}") from error
    return picture


def _scale(labels: LabelMap, size: tuple[int, int]) -> LabelMap:
    """The labels scaled to `size`, (width, height), by nearest neighbour."""
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _lighten(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Colours half way to white, for outlines: those of dark classes show on dark pictures too."""
    return 255 - (255 - colors) // 2


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
