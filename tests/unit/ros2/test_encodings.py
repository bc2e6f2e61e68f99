"""Images of real messages, by encoding."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg_ros.encodings import FORMATS, UNNAMED, ImageReader
from edgeseg_ros.errors import ImageRefused
from edgeseg_ros.pixels import to_rgb
from support.ros_messages import image_message

WIDTH, HEIGHT = 6, 4
RGB = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
GRAY = RGB[..., 0]


def padded(rows: npt.NDArray[np.uint8], padding: int = 5) -> npt.NDArray[np.uint8]:
    """Rows of bytes with bytes behind them that are no pixels."""
    flat = rows.reshape(rows.shape[0], -1)
    return np.pad(flat, ((0, 0), (0, padding)), constant_values=77)


def with_alpha(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.dstack([pixels, np.full((HEIGHT, WIDTH), 9, np.uint8)])


@pytest.mark.parametrize(
    ("encoding", "rows"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", with_alpha(RGB)),
        ("bgra8", with_alpha(RGB[..., ::-1])),
    ],
)
def test_colours_are_in_their_places_and_padding_is_left_out(
    encoding: str, rows: npt.NDArray[np.uint8]
) -> None:
    message = image_message(padded(rows), encoding, WIDTH, HEIGHT)
    assert (to_rgb(ImageReader().read(message)) == RGB).all()


@pytest.mark.parametrize("is_bigendian", [0, 1])
def test_of_16_bits_the_upper_8_are_used_in_either_byte_order(is_bigendian: int) -> None:
    low = 255 - GRAY
    pairs = np.dstack([GRAY, low] if is_bigendian else [low, GRAY])
    message = image_message(padded(pairs), "mono16", WIDTH, HEIGHT, is_bigendian=is_bigendian)
    read = ImageReader().read(message)
    assert (to_rgb(read) == GRAY[..., None]).all()
    assert read.format == ("gray8" if is_bigendian else "gray16")


def test_mono8_is_grey() -> None:
    message = image_message(padded(GRAY), "mono8", WIDTH, HEIGHT)
    assert (to_rgb(ImageReader().read(message)) == GRAY[..., None]).all()


Y, U, V = 120, 90, 200
ONE_COLOUR = {
    "uyvy": [[U, Y, V, Y] * (WIDTH // 2)] * HEIGHT,
    "yuv422": [[U, Y, V, Y] * (WIDTH // 2)] * HEIGHT,
    "yuyv": [[Y, U, Y, V] * (WIDTH // 2)] * HEIGHT,
    "yuv422_yuy2": [[Y, U, Y, V] * (WIDTH // 2)] * HEIGHT,
    "nv12": [[Y] * WIDTH] * HEIGHT + [[U, V] * (WIDTH // 2)] * (HEIGHT // 2),
    "nv21": [[Y] * WIDTH] * HEIGHT + [[V, U] * (WIDTH // 2)] * (HEIGHT // 2),
}


@pytest.mark.parametrize("encoding", ONE_COLOUR)
def test_yuv_has_the_colour_that_pillow_gives_it(encoding: str) -> None:
    rows = padded(np.array(ONE_COLOUR[encoding], np.uint8))
    message = image_message(rows, encoding, WIDTH, HEIGHT)
    jpeg_colours = ImageReader(yuv_range="full").read(message)
    right = Image.new("YCbCr", (WIDTH, HEIGHT), (Y, U, V)).convert("RGB")
    assert np.abs(to_rgb(jpeg_colours).astype(int) - np.asarray(right)).max() <= 1


def test_range_and_matrix_of_yuv_are_those_that_were_set() -> None:
    rows = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    rows[:HEIGHT] = 235
    white = image_message(rows, "nv12", WIDTH, HEIGHT)
    assert (to_rgb(ImageReader().read(white)) == 255).all()
    assert (to_rgb(ImageReader(yuv_range="full").read(white)) == 235).all()
    red = image_message(np.array(ONE_COLOUR["nv12"], np.uint8), "nv12", WIDTH, HEIGHT)
    of_601 = to_rgb(ImageReader().read(red))
    of_709 = to_rgb(ImageReader(yuv_matrix="bt709").read(red))
    # ITU-R BT.709-6, 3.2, for limited range: R = 1.164 (Y - 16) + 1.793 (V - 128), and so on.
    assert of_709[0, 0].tolist() == [250, 91, 41]
    assert of_601[0, 0].tolist() == [236, 77, 44]


def test_images_without_y_u_and_v_say_nothing_of_them() -> None:
    """The daemon refuses a frame that does."""
    message = image_message(padded(RGB), "rgb8", WIDTH, HEIGHT)
    read = ImageReader(yuv_range="full", yuv_matrix="bt709").read(message)
    assert (read.yuv_range, read.yuv_matrix) == ("limited", "bt601")


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "bayer_gbrg16"])
def test_bayer_is_refused_with_what_to_do(encoding: str) -> None:
    with pytest.raises(ImageRefused, match="debayer node"):
        ImageReader().read(image_message(GRAY, encoding, WIDTH, HEIGHT))


@pytest.mark.parametrize("encoding", ["32FC1", "16SC1", "8UC2", "64FC1"])
def test_measurements_are_refused(encoding: str) -> None:
    with pytest.raises(ImageRefused, match="not pictures"):
        ImageReader().read(image_message(GRAY, encoding, WIDTH, HEIGHT))


@pytest.mark.parametrize("encoding", ["rgb16", "nv24", "", "jpeg"])
def test_other_encodings_are_refused_with_those_that_are_read(encoding: str) -> None:
    with pytest.raises(ImageRefused, match="there are: rgb8, bgr8"):
        ImageReader().read(image_message(GRAY, encoding, WIDTH, HEIGHT))


def test_an_encoding_that_names_no_channels_is_refused_until_they_are_set() -> None:
    message = image_message(RGB[..., ::-1].reshape(HEIGHT, -1), "8UC3", WIDTH, HEIGHT)
    with pytest.raises(ImageRefused, match="set the parameter `encoding`"):
        ImageReader().read(message)
    assert (to_rgb(ImageReader(unnamed_as="bgr8").read(message)) == RGB).all()
    assert set(UNNAMED).isdisjoint(FORMATS)


def test_sizes_that_contradict_each_other_are_refused() -> None:
    whole = image_message(padded(RGB), "rgb8", WIDTH, HEIGHT)
    whole.step = WIDTH * 3 - 1
    with pytest.raises(ImageRefused, match="step is 17, but a row of 6 pixels of rgb8 has 18"):
        ImageReader().read(whole)
    short = image_message(padded(RGB)[:-1], "rgb8", WIDTH, HEIGHT)
    with pytest.raises(ImageRefused, match="has 92 bytes, not 69"):
        ImageReader().read(short)
    no_chroma = image_message(GRAY, "nv12", WIDTH, HEIGHT)
    with pytest.raises(ImageRefused, match="has 36 bytes, not 24"):
        ImageReader().read(no_chroma)
    empty = image_message(np.zeros((0, 18), np.uint8), "rgb8", WIDTH, 0)
    with pytest.raises(ImageRefused, match="empty"):
        ImageReader().read(empty)


def test_the_last_row_may_lack_its_padding() -> None:
    message = image_message(padded(RGB), "rgb8", WIDTH, HEIGHT)
    message.data = message.data[:-5]
    assert (to_rgb(ImageReader().read(message)) == RGB).all()


def test_the_arrays_of_rclpy_are_read_like_those_of_numpy() -> None:
    message = image_message(padded(RGB), "rgb8", WIDTH, HEIGHT)
    message.data = array("B", message.data.tobytes())
    assert (to_rgb(ImageReader().read(message)) == RGB).all()
