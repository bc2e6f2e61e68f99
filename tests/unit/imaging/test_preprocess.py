"""Pictures become the input tensor of a model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.preprocess import PADDING, Preprocessor, lookup_table, resize_picture
from edgesegd.models.spec import ModelSpec, TensorSpec
from support.model_specs import CENTRED, Three, model_spec
from support.pictures import Pixels, gradient

IMAGENET_MEAN: Three = (123.675, 116.28, 103.53)
IMAGENET_STD: Three = (58.395, 57.12, 57.375)


def spec(
    size: Size = (8, 8),
    *,
    dtype: str = "float32",
    scale: float = 0.0,
    zero_point: int = 0,
    mean: Three | None = CENTRED,
    std: Three | None = CENTRED,
) -> ModelSpec:
    shape = (1, size[1], size[0], 3)
    return model_spec(
        image=TensorSpec("image", shape, dtype, scale, zero_point), mean=mean, std=std
    )


def whole(image: Image.Image) -> Picture:
    return Picture(image, image.size)


def to_tensor(model: ModelSpec, picture: Picture, policy: ResizePolicy) -> npt.NDArray[np.generic]:
    """What `picture` makes of a tensor full of rubbish."""
    tensor = np.full(model.input.shape, 99, model.input.dtype)
    pixels = resize_picture(picture, fit(picture.size, model.input_size, policy))
    Preprocessor(model).to_tensor(pixels, tensor)
    placed: npt.NDArray[np.generic] = tensor[0]
    return placed


def wanted_value(model: ModelSpec, pixel: int, channel: int) -> float:
    """One value by the formulas of the TFLite quantization specification, one by one."""
    low, high = {"uint8": (0, 255), "int8": (-128, 127)}.get(model.input.dtype, (0, 0))
    if model.mean is None or model.std is None:
        return pixel + low
    real = (pixel - model.mean[channel]) / model.std[channel]
    if model.input.dtype == "float32":
        return real
    return min(high, max(low, round(real / model.input.scale + model.input.zero_point)))


MODELS = {
    "float": spec(),
    "float, each channel its own": spec(mean=IMAGENET_MEAN, std=IMAGENET_STD),
    "float, pixels": spec(mean=(0, 0, 0), std=(1, 1, 1)),
    "uint8, pixels": spec(dtype="uint8", scale=1 / 128, zero_point=128, mean=None, std=None),
    "int8, pixels": spec(dtype="int8", scale=1 / 255, zero_point=-128, mean=None, std=None),
    "uint8, scaled": spec(dtype="uint8", scale=0.02, zero_point=100),
    "uint8, clipped": spec(dtype="uint8", scale=0.001, zero_point=100),
    "int8, scaled": spec(
        dtype="int8", scale=0.0187, zero_point=-14, mean=IMAGENET_MEAN, std=IMAGENET_STD
    ),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_lookup_table_follows_the_formula(model: ModelSpec) -> None:
    table = lookup_table(model)
    assert table.dtype == model.input.dtype
    wanted = [[wanted_value(model, pixel, c) for c in range(3)] for pixel in range(256)]
    if table.dtype.kind == "f":
        np.testing.assert_allclose(table, wanted, rtol=1e-6, atol=1e-7)
    else:
        np.testing.assert_array_equal(table, wanted)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_picture_of_the_models_size_is_only_looked_up(model: ModelSpec) -> None:
    image = gradient(8, 8)
    tensor = to_tensor(model, whole(image), ResizePolicy.STRETCH)
    table, pixels = lookup_table(model), np.asarray(image)
    for channel in range(3):
        np.testing.assert_array_equal(tensor[..., channel], table[pixels[..., channel], channel])


def as_pixels(tensor: npt.NDArray[np.generic]) -> Pixels:
    return tensor.astype(np.uint8)


def pixel_model(size: Size) -> ModelSpec:
    """A model whose tensor is the picture itself."""
    return spec(size, dtype="uint8", scale=1 / 255, mean=None, std=None)


@pytest.mark.parametrize("frame", [(64, 48), (5, 40), (17, 13), (1, 1)])
@pytest.mark.parametrize("size", [(17, 13), (32, 32)])
def test_stretch_is_pillows_bilinear_resize(frame: Size, size: Size) -> None:
    image = gradient(*frame)
    tensor = to_tensor(pixel_model(size), whole(image), ResizePolicy.STRETCH)
    wanted = np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1))
    np.testing.assert_array_equal(tensor, wanted)


@pytest.mark.parametrize("mode", ["L", "RGBX"])
def test_pictures_of_other_modes_become_rgb(mode: str) -> None:
    image = gradient(20, 20).convert("L" if mode == "L" else "RGB")
    other = image if mode == "L" else Image.merge("RGBX", (*image.split(), image.split()[0]))
    for policy in ResizePolicy:
        tensor = to_tensor(pixel_model((12, 16)), whole(other), policy)
        wanted = to_tensor(pixel_model((12, 16)), whole(image.convert("RGB")), policy)
        np.testing.assert_array_equal(tensor, wanted)


def test_letterbox_pads_with_grey() -> None:
    image = gradient(64, 32)
    tensor = as_pixels(to_tensor(pixel_model((16, 17)), whole(image), ResizePolicy.LETTERBOX))
    wanted = np.full((17, 16, 3), PADDING, np.uint8)
    wanted[4:12] = np.asarray(image.resize((16, 8), Image.Resampling.BILINEAR, reducing_gap=1))
    np.testing.assert_array_equal(tensor, wanted)


def test_the_padding_of_a_letterbox_is_scaled_as_pixels_are() -> None:
    model = spec((16, 16), mean=IMAGENET_MEAN, std=IMAGENET_STD)
    tensor = to_tensor(model, whole(gradient(64, 32)), ResizePolicy.LETTERBOX)
    np.testing.assert_array_equal(tensor[0, 0], lookup_table(model)[PADDING, [0, 1, 2]])


def test_crop_takes_the_middle_of_the_picture() -> None:
    image = gradient(64, 32)
    tensor = to_tensor(pixel_model((16, 16)), whole(image), ResizePolicy.CROP)
    wanted = image.resize((16, 16), Image.Resampling.BILINEAR, (16, 0, 48, 32), reducing_gap=1)
    np.testing.assert_array_equal(tensor, np.asarray(wanted))


@pytest.mark.parametrize("policy", ResizePolicy)
def test_a_picture_decoded_at_reduced_scale_shows_the_same(policy: ResizePolicy) -> None:
    image = gradient(640, 417)
    reduced = Picture(image.reduce(4), image.size)
    model = pixel_model((32, 24))
    difference = as_pixels(to_tensor(model, reduced, policy)).astype(int) - as_pixels(
        to_tensor(model, whole(image), policy)
    )
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("policy", ResizePolicy)
@pytest.mark.parametrize("frame", [(2000, 1), (1, 2000), (3, 1), (2, 3)])
def test_frames_of_any_shape_are_placed(frame: Size, policy: ResizePolicy) -> None:
    tensor = to_tensor(pixel_model((33, 17)), whole(Image.new("RGB", frame, (9, 9, 9))), policy)
    assert set(np.unique(as_pixels(tensor))) <= {9, PADDING}
    assert 9 in as_pixels(tensor)


def test_crop_of_every_square_frame_is_placed() -> None:
    """Where rounding puts an edge outside of the frame, Pillow would refuse the box."""
    for side in range(1, 120):
        image = Image.new("RGB", (side, side), (9, 9, 9))
        for wanted in (224, 257, 512, 513):
            tensor = to_tensor(pixel_model((wanted, wanted)), whole(image), ResizePolicy.CROP)
            assert (as_pixels(tensor) == 9).all()
