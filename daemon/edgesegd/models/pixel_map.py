"""How the values of a tensor are arranged as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Layout(StrEnum):
    """The order of a tensor's dimensions; those of size 1 may be missing, and others joined."""

    CHANNELS_LAST = "channels_last"
    """(1, H, W, C)."""
    CHANNELS_FIRST = "channels_first"
    """(1, C, H, W)."""


class ChannelOrder(StrEnum):
    """The order of the first three channels of a picture."""

    RGB = "rgb"
    BGR = "bgr"


TO_CHANNELS_FIRST: Final = (0, 3, 1, 2)
"""The order of a TRANSPOSE from (1, H, W, C) to (1, C, H, W)."""


@dataclass(frozen=True, slots=True)
class PixelMap:
    """The picture in a tensor: `height` x `width` pixels with `channels` values each.

    The tensor has as many values, row by row. Its shape says nothing more: (1, H, W), (H, W),
    (1, H * W, 1) and (1, H, W, 1) are all the same.
    """

    height: int
    width: int
    channels: int
    layout: Layout = Layout.CHANNELS_LAST

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.width, self.height

    @property
    def channels_first(self) -> bool:
        """Whether each channel is a plane of its own; a single one is."""
        return self.channels == 1 or self.layout is Layout.CHANNELS_FIRST

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """The three dimensions in the order in which they are stored."""
        if self.layout is Layout.CHANNELS_FIRST:
            return self.channels, self.height, self.width
        return self.height, self.width, self.channels

    def view(self, tensor: Any) -> Any:  # noqa: ANN401 # a numpy array, which is not imported here
        """An array as H x W x C, without copying it."""
        stored = tensor.reshape(self.stored_shape)
        return stored.transpose(1, 2, 0) if self.layout is Layout.CHANNELS_FIRST else stored

    def __str__(self) -> str:
        """Width x height x channels, and the layout where it matters."""
        first = ", channels first" if self.layout is Layout.CHANNELS_FIRST else ""
        return f"{self.width}x{self.height}x{self.channels}{first}"
