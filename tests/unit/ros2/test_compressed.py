"""Compressed images of real messages, by format."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import RawImage
from edgeseg_ros.compressed import CompressedReader
from edgeseg_ros.errors import ImageRefused
from edgeseg_ros.pixels import to_rgb
from support.ros_messages import compressed_message

RGB = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8)


def file(kind: str) -> bytes:
    written = io.BytesIO()
    Image.fromarray(RGB).save(written, kind)
    return written.getvalue()


JPEG, PNG = file("JPEG"), file("PNG")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("jpeg", JPEG),
        ("JPG", JPEG),
        ("png", PNG),
        ("rgb8; jpeg compressed bgr8", JPEG),
        ("bgr8; png compressed bgr8", PNG),
        ("mono8; jpeg compressed ", JPEG),
        ("mono16; png compressed ", PNG),
        ("bayer_rggb8; jpeg compressed bgr8", JPEG),
    ],
)
def test_files_are_passed_on_as_they_are(text: str, data: bytes) -> None:
    assert CompressedReader().read(compressed_message(data, text)) == data


@pytest.mark.parametrize("text", ["tiff", "h264", "", "rgb8; tiff compressed bgr8", "jpeg2000"])
def test_other_formats_are_refused(text: str) -> None:
    with pytest.raises(ImageRefused, match="set the publisher's format to jpeg or png"):
        CompressedReader().read(compressed_message(JPEG, text))


@pytest.mark.parametrize(
    "text", ["16UC1; compressedDepth", "32FC1; compressedDepth png", "16UC1; png compressed "]
)
def test_depth_is_refused(text: str) -> None:
    with pytest.raises(ImageRefused, match="depth"):
        CompressedReader().read(compressed_message(PNG, text))


def test_data_that_are_not_of_their_format_are_refused() -> None:
    with pytest.raises(ImageRefused, match="not a jpeg file"):
        CompressedReader().read(compressed_message(PNG, "jpeg"))
    with pytest.raises(ImageRefused, match="not a png file"):
        CompressedReader().read(compressed_message(b"", "png"))


def test_whether_red_and_blue_are_exchanged_is_asked_for_where_the_format_says_rgb() -> None:
    message = compressed_message(PNG, "rgb8; png compressed rgb8")
    with pytest.raises(ImageRefused, match="set the parameter `compressed_rgb`"):
        CompressedReader().read(message)
    assert CompressedReader("right").read(message) == PNG
    exchanged = CompressedReader("exchanged").read(message)
    assert isinstance(exchanged, RawImage)
    assert (to_rgb(exchanged) == RGB[..., ::-1]).all()
    broken = compressed_message(PNG[:40], "rgb8; png compressed rgb8")
    with pytest.raises(ImageRefused, match="cannot be decoded"):
        CompressedReader("exchanged").read(broken)
