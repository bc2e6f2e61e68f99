"""Converts a picture to the model's input tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import Fit, Size
from edgesegd.imaging.reduced_scale import reduced_scale_for
from edgesegd.imaging.yuv import to_rgb
from edgesegd.models.pixel_map import ChannelOrder
from edgesegd.models.spec import ModelSpec

InputTensor = npt.NDArray[Any]
"""The model's input, float32, uint8 or int8, in its own layout."""
Pixels = npt.NDArray[np.uint8]
"""H x W x 3, red, green, blue."""
LookupTable = npt.NDArray[Any]
"""256 x C in the tensor's dtype: what each pixel value becomes."""


@dataclass(frozen=True, slots=True)
class GivenTensor:
    """`values` for the model's input that a client has computed itself, in its shape and dtype.

    `like_a_picture` is whether all values are in the range that pixels are converted to.
    """

    values: InputTensor
    like_a_picture: bool


ModelInput = Pixels | GivenTensor
"""The input of a model, as pixels or as a tensor."""

PADDING = 127
"""The grey that letterbox adds around the frame: the middle of what models are trained on."""


class Preprocessor:
    """Writes pixels into the input of one model."""

    def __init__(self, model: ModelSpec) -> None:
        table = lookup_table(model)
        self._channels = model.input_map.channels
        self._channels_first = model.input_map.channels_first
        self._stored_shape = model.input_map.stored_shape
        self._alpha = model.alpha
        self._is_bgr = model.order is ChannelOrder.BGR
        self._uniform = bool((table == table[:, :1]).all())
        self._table = table
        self.limits = table.min(), table.max()
        """The lowest and the highest value that pixels are converted to."""

    def to_tensor(self, pixels: ModelInput, tensor: InputTensor) -> None:
        """Fill `tensor` with `pixels`, which have its size."""
        if isinstance(pixels, GivenTensor):
            tensor[:] = pixels.values
            return
        stored = tensor.reshape(self._stored_shape)
        planes = stored if self._channels_first else np.moveaxis(stored, -1, 0)
        if self._channels == 1:
            self._fill(0, to_luma(pixels), planes.reshape(pixels.shape[:2]))
            return
        if self._is_bgr:
            pixels = pixels[..., ::-1]
        if self._uniform and self._channels == 3 and not self._channels_first:
            np.take(self._table[:, 0], pixels, out=stored, mode="clip")
            return
        for channel in range(3):
            self._fill(channel, pixels[..., channel], planes[channel])
        if self._channels == 4:
            planes[3] = self._table[self._alpha, 3]

    def _fill(self, channel: int, values: Pixels, plane: InputTensor) -> None:
        np.take(self._table[:, channel], values, out=plane, mode="clip")


def to_luma(pixels: Pixels) -> Pixels:
    """The luma, H x W, of red, green and blue: ITU-R BT.601 in 16 bits, as Pillow's mode L."""
    red, green, blue = (pixels[..., each].astype(np.uint32) for each in range(3))
    luma: Pixels = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
    return luma


def lookup_table(model: ModelSpec) -> LookupTable:
    """The value in the model's input for each of the 256 values of each channel.

    real = (pixel - mean) / std; quantized = real / scale + zero_point, rounded and clipped.
    """
    values = np.arange(256, dtype=np.float64)[:, None].repeat(model.input_map.channels, axis=1)
    dtype = np.dtype(model.input.dtype)
    if model.mean is None or model.std is None:
        stored = values - (128 if dtype == np.int8 else 0)
    else:
        stored = (values - np.array(model.mean)) / np.array(model.std)
        if dtype.kind != "f":
            limits = np.iinfo(dtype)
            quantized = np.rint(stored / (model.input.scale or 1.0) + model.input.zero_point)
            stored = quantized.clip(limits.min, limits.max)
    table: LookupTable = stored.astype(dtype)
    return table


def resize_picture(picture: Picture, placed: Fit) -> Pixels:
    """The picture at the model's input size, bilinear with antialiasing, padded where needed."""
    resized = _resize(picture.pixels, picture.size, placed)
    if picture.chroma is not None:
        u, v = (_resize(plane, picture.size, placed) for plane in picture.chroma)
        resized = to_rgb((resized, u, v), picture.matrix)
    elif resized.mode != "RGB":
        resized = resized.convert("RGB")
    if resized.size != placed.input:
        canvas = Image.new("RGB", placed.input, (PADDING, PADDING, PADDING))
        canvas.paste(resized, (int(placed.target.left), int(placed.target.top)))
        resized = canvas
    return np.asarray(resized)


def _resize(plane: Image.Image, frame: Size, placed: Fit) -> Image.Image:
    """The part of one plane of a frame that the model sees, at the size at which it sees it."""
    scale_x, scale_y = plane.width / frame[0], plane.height / frame[1]
    source = placed.source
    box = (
        source.left * scale_x,
        source.top * scale_y,
        min((source.left + source.width) * scale_x, plane.width),
        min((source.top + source.height) * scale_y, plane.height),
    )
    gap = reduced_scale_for(placed.input).gap
    return plane.resize(placed.target_size, Image.Resampling.BILINEAR, box, reducing_gap=gap)
