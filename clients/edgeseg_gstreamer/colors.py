"""The colours of classes in the components of a video format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgeseg_client.frame import YuvMatrix, YuvRange

_KR_KB: Final[dict[YuvMatrix, tuple[float, float]]] = {
    "bt601": (0.299, 0.114),  # ITU-R BT.601-7, 2.5.1
    "bt709": (0.2126, 0.0722),  # ITU-R BT.709-6, 3.2
}
_SCALES: Final[dict[YuvRange, tuple[float, float, float]]] = {
    "limited": (219 / 255, 16.0, 224 / 255),  # ITU-R BT.601-7, 2.5.3
    "full": (1.0, 0.0, 1.0),  # JFIF 1.02
}
"""The factor and the offset of Y, and the factor of U and V, whose offset is 128."""


def to_yuv(
    colors: npt.NDArray[np.uint8], matrix: YuvMatrix, value_range: YuvRange
) -> npt.NDArray[np.uint8]:
    """Y, U and V of colours, uint8 of shape (N, 3): red, green, blue."""
    red, green, blue = colors.astype(np.float64).T
    of_red, of_blue = _KR_KB[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    factor, offset, chroma = _SCALES[value_range]
    yuv = (
        luma * factor + offset,
        (blue - luma) / (2 * (1 - of_blue)) * chroma + 128,
        (red - luma) / (2 * (1 - of_red)) * chroma + 128,
    )
    return np.stack(yuv, axis=-1).round().clip(0, 255).astype(np.uint8)
