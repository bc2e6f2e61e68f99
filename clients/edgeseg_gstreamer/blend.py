"""Draws class colours into the components of a picture, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgeseg_gstreamer.video_layout import Component

_WHOLE: Final = 256
"""The weight of a colour that hides the picture."""
_IDS: Final = 256


class Tint:
    """The colours of classes, and how much of the picture they leave.

    `colors` is uint8 of shape (N, components) by class id, in the components of the picture. Where
    a class is not `shown`, bool of shape (N,), and where there is none, the picture stays as it is.
    `opacity` is 0.0 to 1.0.
    """

    def __init__(
        self, colors: npt.NDArray[np.uint8], shown: npt.NDArray[np.bool_], opacity: float
    ) -> None:
        weight = np.zeros(_IDS, np.uint16)
        weight[: len(shown)] = np.where(shown, round(opacity * _WHOLE), 0)
        weight[-1] = 0
        table = np.zeros((_IDS, colors.shape[1]), np.uint16)
        table[: len(colors)] = colors
        self._keep = _WHOLE - weight
        self._add = table * weight[:, None] + _WHOLE // 2

    def shows(self, labels: npt.NDArray[np.uint8]) -> bool:
        """Whether anything of these labels is drawn."""
        return bool((self._keep[np.flatnonzero(np.bincount(labels.ravel()))] < _WHOLE).any())

    def draw(
        self,
        data: memoryview,
        components: Sequence[Component],
        labels: npt.NDArray[np.uint8],
    ) -> None:
        """Draws on a picture of the size of `labels`, uint8 of shape (height, width).

        `data` are the bytes of the picture, in which `components` says where the samples are.
        """
        for number, one in enumerate(components):
            ids = labels[:: 1 + one.down, :: 1 + one.across]
            samples = np.ndarray(
                ids.shape, np.uint8, data, offset=one.offset, strides=(one.stride, one.step)
            )
            # At most 255 * 256 + 128, which uint16 holds.
            mixed = samples * self._keep[ids] + self._add[:, number][ids]
            samples[...] = mixed >> 8


def scale_labels(labels: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """The labels, of shape (height, width), at another size: the nearest of each pixel's middle."""
    if labels.shape == (height, width):
        return labels
    rows = (2 * np.arange(height) + 1) * labels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * labels.shape[1] // (2 * width)
    scaled: npt.NDArray[np.uint8] = labels[rows[:, None], columns]
    return scaled
