"""A mask lies over the rows of the picture's file, however the picture is to be seen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client.orientation import turn_upright
from edgeseg_gstreamer.mask import jpeg_orientation, turn_back

PICTURES = Path(__file__).parents[1] / "imaging" / "data"


def jpeg_with(orientation: int) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (16, 8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_of_an_upright_picture_are_turned_back_to_the_rows_of_its_file(
    orientation: int,
) -> None:
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(stored)
    image.info["exif"] = Image.open(io.BytesIO(jpeg_with(orientation))).info["exif"]
    upright = np.asarray(turn_upright(image))
    assert np.array_equal(turn_back(upright, orientation), stored)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_jpeg_is_read_from_its_exif(orientation: int) -> None:
    assert jpeg_orientation(memoryview(jpeg_with(orientation))) == orientation


@pytest.mark.parametrize("path", sorted(PICTURES.glob("orient6_*.jpg")), ids=lambda path: path.stem)
def test_the_orientation_is_found_among_other_facts(path: Path) -> None:
    assert jpeg_orientation(path.read_bytes()) == 6


def test_a_jpeg_without_exif_is_upright(jpeg: bytes) -> None:
    assert jpeg_orientation(jpeg) == 1
    assert jpeg_orientation(b"") == 1
    assert jpeg_orientation(jpeg[:3]) == 1
