"""Labels as an indexed picture, and overlays with their legends."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import ClassInfo, InvalidRequest, NotAsked, Result
from edgeseg_client.decode import ResultReader
from edgeseg_client.labels_image import labels_image
from edgeseg_client.legend import Entry, add_legend
from edgeseg_client.overlay import overlay
from edgeseg_client.result import LabelMap

from .scripted_daemon import segmentation

ROAD = (128, 64, 128)
NOTHING = np.full((600, 800), 255, np.uint8)
CLASSES = [ClassInfo(0, "background", (0, 0, 0)), ClassInfo(1, "road", ROAD)]


def result_of(labels: LabelMap) -> Result:
    height, width = labels.shape
    found = pb.Segmentation(width=width, height=height, labels=labels.tobytes())
    return ResultReader().read(pb.SegmentResponse(segmentation=found))


def halves(height: int, width: int) -> Result:
    """Background on the left, road on the right, no class in the top row."""
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 2 :] = 1
    labels[0] = 255
    return result_of(labels)


def test_a_file_of_labels_keeps_class_ids_and_colours(tmp_path: Path) -> None:
    result = halves(5, 8)
    labels_image(result, CLASSES).save(tmp_path / "labels.png")

    read = Image.open(tmp_path / "labels.png")
    assert read.mode == "P"
    assert np.array_equal(np.asarray(read), result.labels)
    assert read.convert("RGB").getpixel((7, 4)) == ROAD
    assert read.convert("RGB").getpixel((7, 0)) == (128, 128, 128)


def test_labels_come_from_the_png_where_only_it_was_asked_for() -> None:
    result = halves(5, 8)
    file = io.BytesIO()
    labels_image(result, CLASSES).save(file, "PNG")
    found = pb.Segmentation(width=8, height=5, labels_png=file.getvalue())

    read = ResultReader().read(pb.SegmentResponse(segmentation=found))
    assert np.array_equal(read.labels, result.labels)


def test_a_result_without_labels_says_what_to_ask_for() -> None:
    found = segmentation()
    found.labels = b""

    with pytest.raises(NotAsked, match="outputs"):
        labels_image(ResultReader().read(pb.SegmentResponse(segmentation=found)), CLASSES)


def test_an_overlay_tints_classes_and_leaves_the_rest() -> None:
    picture = np.full((400, 600, 3), 200, np.uint8)

    drawn = np.asarray(overlay(picture, halves(40, 60), CLASSES, alpha=0.5, legend=False))
    assert drawn.shape == picture.shape
    assert (drawn[200, 100] == 200).all()
    assert (drawn[2, 500] == 200).all()
    assert drawn[200, 500] == pytest.approx((np.array(ROAD) + 200) / 2, abs=1)


@pytest.mark.parametrize("level", [0, 60, 128, 200, 255])
@pytest.mark.parametrize("color", [(64, 0, 0), (128, 64, 0), (0, 0, 128), (192, 192, 192)])
def test_the_border_of_a_class_shows_on_any_picture_in_any_colour(
    color: tuple[int, int, int], level: int
) -> None:
    """PASCAL VOC's cat is dark brown, and so are many cats."""
    classes = [CLASSES[0], ClassInfo(1, "cat", color)]
    picture = np.full((300, 300, 3), level, np.uint8)
    picture[:, 150:] = color  # as if the object had the colour of its class
    drawn = np.asarray(overlay(picture, halves(60, 60), classes, legend=False)).astype(int)
    row = drawn[150, 140:160].sum(axis=-1)
    assert np.abs(np.diff(row)).max() > 120


def test_names_and_swatches_of_a_legend_stand_out() -> None:
    for color in ((0, 0, 0), (64, 0, 0), (128, 128, 0), (255, 255, 255)):
        picture = Image.new("RGB", (800, 600), "gray")
        done = np.asarray(add_legend(picture, [Entry("cat", color, 0.5)], NOTHING)).astype(int)
        panel = done[(done != 128).any(axis=2)].sum(axis=-1)
        assert np.percentile(panel, 95) > 700, "a light panel"
        assert panel.min() < 150, "dark letters and rims"


def test_a_legend_covers_a_corner_of_a_large_picture() -> None:
    picture = Image.new("RGB", (800, 600), "white")

    drawn = overlay(picture, halves(60, 80), CLASSES)
    assert drawn.size == picture.size
    plain = overlay(picture, halves(60, 80), CLASSES, legend=False)
    changed = np.argwhere((np.asarray(drawn) != np.asarray(plain)).any(axis=2))
    assert len(changed)
    assert changed[:, 0].min() > 300
    assert changed[:, 1].max() < 400


@pytest.mark.parametrize("size", [(1, 1), (33, 20), (20, 200), (200, 20)])
def test_a_legend_goes_below_a_small_picture(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "white")

    drawn = overlay(picture, halves(60, 80), CLASSES)
    assert drawn.height > picture.height
    assert drawn.width >= picture.width


@pytest.mark.parametrize("size", [(64, 48), (800, 600)])
def test_an_overlay_on_which_nothing_was_found_has_no_legend(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "white")

    drawn = overlay(picture, result_of(np.zeros((4, 4), np.uint8)), CLASSES)
    assert drawn.size == size
    assert np.array_equal(np.asarray(drawn), np.asarray(picture))


def test_a_long_legend_is_cut() -> None:
    picture = Image.new("RGB", (10, 10))
    entries = [Entry(f"class {id_}", ROAD, 0.05) for id_ in range(20)]

    drawn = np.full((10, 10), 255, np.uint8)
    heights = {add_legend(picture, entries[:count], drawn).height for count in (9, 20)}
    assert len(heights) == 1


CORNERS = {
    "lower left": np.s_[500:, :200],
    "lower right": np.s_[500:, 600:],
    "upper left": np.s_[:100, :200],
    "upper right": np.s_[:100, 600:],
}


def with_legend(drawn: LabelMap) -> tuple[Image.Image, LabelMap]:
    """A white picture with a legend, and the pixels that it changed."""
    picture = Image.new("RGB", (800, 600), "white")
    done = add_legend(picture, [Entry("road", ROAD, 0.5)], drawn)
    inside = np.asarray(done)[:600, :800]
    return done, (inside != 255).any(axis=2).astype(np.uint8)


@pytest.mark.parametrize("free", CORNERS)
def test_a_legend_takes_the_free_corner(free: str) -> None:
    drawn = np.full((600, 800), 255, np.uint8)
    for name, corner in CORNERS.items():
        if name != free:
            drawn[corner] = 1

    done, covered = with_legend(drawn)
    assert done.size == (800, 600)
    assert covered[CORNERS[free]].any()
    assert not covered[drawn == 1].any()


def test_a_legend_that_would_hide_a_small_object_goes_below() -> None:
    drawn = np.full((600, 800), 255, np.uint8)
    drawn[200:400] = 1
    for rows in (slice(40, 43), slice(557, 560)):  # far less than 1 % of each corner
        drawn[rows, 50:53] = drawn[rows, 747:750] = 2

    done, covered = with_legend(drawn)
    assert done.height > 600
    assert not covered.any()


def test_a_picture_full_of_colour_has_its_legend_below() -> None:
    done, covered = with_legend(np.ones((600, 800), np.uint8))

    assert done.height > 600
    assert not covered.any()


def test_the_picture_under_an_overlay_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), "white").save(tmp_path / "turned.jpg", exif=exif)

    drawn = overlay(tmp_path / "turned.jpg", halves(8, 4), CLASSES, legend=False)
    assert drawn.size == (40, 80)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0"])
def test_an_overlay_on_a_picture_that_cannot_be_decoded_is_an_invalid_request(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="the picture cannot be decoded: ") as caught:
        overlay(data, halves(4, 4), CLASSES)
    assert "0x" not in str(caught.value)
