"""Class colours are drawn into the components of any video format."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg_gstreamer.blend import Tint, scale_labels
from edgeseg_gstreamer.colors import to_yuv

COLORS = np.array([[0, 0, 0], [255, 0, 0], [10, 200, 30]], np.uint8)
SHOWN = np.array([False, True, True])
LABELS = np.array([[0, 1, 2, 255], [1, 1, 2, 2]], np.uint8)


def component(
    offset: int, stride: int, step: int, across: int = 0, down: int = 0
) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, stride=stride, step=step, across=across, down=down)


def draw(
    data: bytearray,
    components: Sequence[SimpleNamespace],
    opacity: float,
    colors: npt.NDArray[np.uint8] = COLORS,
) -> None:
    Tint(colors, SHOWN, opacity).draw(memoryview(data), components, LABELS)  # type: ignore[arg-type]  # looks the same


def test_half_of_the_colour_is_mixed_with_half_of_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (2, 4, 3), np.uint8)
    data = bytearray(picture.tobytes())
    draw(data, [component(one, 12, 3) for one in range(3)], 0.5)
    drawn = np.frombuffer(data, np.uint8).reshape(2, 4, 3)
    wanted = np.asarray(
        Image.blend(Image.fromarray(picture), Image.fromarray(COLORS[LABELS % 255]), 0.5)
    )
    shown = (LABELS == 1) | (LABELS == 2)
    assert np.abs(drawn[shown].astype(int) - wanted[shown]).max() <= 1
    assert np.array_equal(drawn[~shown], picture[~shown]), "black classes and 255 are not drawn"


@pytest.mark.parametrize(("opacity", "value"), [(0.0, 100), (1.0, 255)])
def test_without_opacity_nothing_changes_and_with_all_of_it_nothing_shines_through(
    opacity: float, value: int
) -> None:
    data = bytearray([100] * 24)
    draw(data, [component(one, 12, 3) for one in range(3)], opacity)
    assert data[3] == value


def test_padding_and_other_bytes_of_a_pixel_are_not_touched() -> None:
    data = bytearray([7] * 64)
    draw(data, [component(4 + one, 24, 4) for one in range(3)], 1.0)
    rows = np.frombuffer(data, np.uint8)[4 : 4 + 48].reshape(2, 24)
    assert set(data[:4]) == {7}
    assert (rows[:, 16:] == 7).all(), "padding"
    assert (rows[:, 3:16:4] == 7).all(), "alpha"
    assert (rows[0, 4:7] == COLORS[1]).all()


def test_chroma_has_the_class_of_the_first_pixel_of_its_block() -> None:
    data = bytearray([50] * 2)
    draw(data, [component(0, 2, 1, 1, 1)], 1.0, colors=np.array([[1], [2], [3]], np.uint8))
    assert list(data) == [50, 3]


def test_only_labels_that_are_drawn_count_as_shown() -> None:
    tint = Tint(COLORS, SHOWN, 0.5)
    assert tint.shows(LABELS)
    assert not tint.shows(np.array([[0, 255]], np.uint8))
    assert not Tint(COLORS, SHOWN, 0.0).shows(LABELS)


def test_full_range_bt601_is_what_jpeg_has() -> None:
    colors = np.random.default_rng(1).integers(0, 256, (500, 3), np.uint8)
    wanted = np.asarray(Image.fromarray(colors[None]).convert("YCbCr"))[0]
    assert np.abs(to_yuv(colors, "bt601", "full").astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_limited_range_has_the_levels_of_the_recommendations(matrix: str) -> None:
    colors = np.array([[0, 0, 0], [255, 255, 255], [0, 0, 255], [255, 0, 0]], np.uint8)
    yuv = to_yuv(colors, matrix, "limited")  # type: ignore[arg-type]  # one of its two values
    assert yuv[0].tolist() == [16, 128, 128]
    assert yuv[1].tolist() == [235, 128, 128]
    assert (yuv[2, 1], yuv[3, 2]) == (240, 240), "the most blue and the most red"


def test_labels_are_scaled_as_pillow_scales_them_by_nearest_neighbour() -> None:
    labels = np.random.default_rng(2).integers(0, 9, (193, 193), np.uint8)
    for size in ((640, 480), (100, 57), (193, 193)):
        wanted = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
        assert np.array_equal(scale_labels(labels, *size), wanted)
