"""The mask of one picture, in the order of the picture's own rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeseg_client import ClassInfo, Result
from edgeseg_client.labels_image import palette
from edgeseg_client.orientation import read_orientation

_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])")
_APP1: Final = b"\xe1"
_START_OF_SCAN: Final = b"\xda"
_WITHOUT_LENGTH: Final = frozenset(bytes([code]) for code in (0x01, *range(0xD0, 0xDA)))
_EXIF: Final = b"Exif\0\0"
_TURNS_BACK: Final[dict[int, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]]] = {
    2: np.fliplr,
    3: lambda labels: np.rot90(labels, 2),
    4: np.flipud,
    5: np.transpose,
    6: np.rot90,
    7: lambda labels: np.rot90(labels, 2).T,
    8: lambda labels: np.rot90(labels, -1),
}
"""From how a picture is seen to how its rows are stored: Exif 2.32, 4.6.4 (Orientation)."""
_SWAPPED: Final = 5
"""From this orientation on, rows are columns: Exif 2.32, 4.6.4."""


@dataclass(frozen=True, slots=True)
class Mask:
    """The class ids of a picture.

    `labels` is uint8 of shape (height, width), 255 is "no class". `pts` is the time of the picture
    that it was made from, in nanoseconds, and `frame_size` that picture's (width, height).
    """

    labels: npt.NDArray[np.uint8]
    pts: int
    frame_size: tuple[int, int]
    classes: tuple[ClassInfo, ...]
    model: str
    model_version: str

    @property
    def names(self) -> list[str]:
        """The name of each class by its id; empty for ids that the model does not have."""
        names = {one.id: one.name for one in self.classes}
        return [names.get(one, "") for one in range(max(names, default=-1) + 1)]

    @property
    def colors(self) -> bytes:
        """Red, green and blue of each class by its id."""
        return bytes(palette(self.classes)[: 3 * len(self.names)])


def mask_of(result: Result, pts: int, orientation: int) -> Mask:
    """The mask of a result, for a picture with this EXIF orientation (1 to 8), at `pts` ns.

    The daemon has turned the picture upright, so the labels are turned back.
    """
    size = result.frame_size
    return Mask(
        labels=turn_back(result.labels, orientation),
        pts=pts,
        frame_size=(size[1], size[0]) if orientation >= _SWAPPED else size,
        classes=result.class_table,
        model=result.model,
        model_version=result.model_version,
    )


def turn_back(labels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The labels of an upright picture, as the rows of its file are: decoders do not turn it."""
    turn = _TURNS_BACK.get(orientation)
    return labels if turn is None else turn(labels)


def jpeg_orientation(data: bytes | memoryview) -> int:
    """The EXIF orientation of a JPEG, 1 to 8; 1 if it has none."""
    end = 0
    while (found := _MARKER.search(data, end)) is not None and found[1] != _START_OF_SCAN:
        at = end = found.end()
        if found[1] in _WITHOUT_LENGTH:
            continue
        end += max(2, int.from_bytes(data[at : at + 2], "big"))
        if found[1] == _APP1 and bytes(data[at + 2 : at + 2 + len(_EXIF)]) == _EXIF:
            return read_orientation(bytes(data[at + 2 : end]))
    return 1
