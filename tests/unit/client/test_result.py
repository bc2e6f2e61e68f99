"""What can be read from a result, by the names of classes."""

import inspect
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import (
    AsyncClient,
    Box,
    ClassInfo,
    Client,
    Frame,
    FrameAnswer,
    InvalidRequest,
    NotAsked,
    Options,
    Result,
    Segment,
    Status,
    Superseded,
)
from edgeseg_client.decode import ResultReader
from edgeseg_client.options import DEFAULTS, covers_frame
from edgeseg_client.rle import decompress_counts

from .scripted_daemon import class_infos, segmentation

LABELS = np.array([[0, 1, 1], [0, 255, 7]], np.uint8)


def result_of(*outputs: str, wanted: tuple[int, ...] = (), **changes: bytes) -> Result:
    """The scripted daemon's result, as one who asked for `outputs` gets it."""
    message = segmentation()
    for name, value in changes.items():
        setattr(message, name, value)
    if "labels" not in outputs:
        message.labels = b""
    return ResultReader(outputs, wanted).read(pb.SegmentImageResponse(segmentation=message))


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(LABELS).save(file, "PNG")
    return file.getvalue()


WITH_MASKS = [
    result_of("labels"),
    result_of("labels_png", labels_png=png()),
]
WITH_RUNS = [result_of("rle"), result_of("rle_compressed")]


@pytest.mark.parametrize("result", WITH_MASKS)
def test_masks_and_shares_are_read_by_name_or_id(result: Result) -> None:
    assert result.labels.tolist() == LABELS.tolist()
    for road in ("road", "Road", 1, np.uint8(1)):
        assert result.mask(road).tolist() == (LABELS == 1).tolist()  # type: ignore[arg-type]
        assert result.share(road) == 2 / 6  # type: ignore[arg-type]
    assert result.mask("road").dtype == np.bool_
    assert result.shares == {"background": 2 / 6, "road": 2 / 6, "car": 1 / 6}
    assert next(reversed(result.shares)) == "car", "the largest first"
    assert (result.classes["road"].area, result.classes["road"].box) == (2, Box(1, 0, 2, 1))
    assert list(result.classes) == ["background", "road", "car"]


@pytest.mark.parametrize("outputs", ["rle", "rle_compressed"])
def test_masks_are_read_from_run_lengths_too(outputs: str) -> None:
    message = segmentation()
    del message.segments[1:]
    message.labels = b""
    if outputs == "rle_compressed":
        del message.segments[0].rle.counts[:]
    response = pb.SegmentImageResponse(segmentation=message)
    result = ResultReader((outputs,)).read(response)
    assert result.mask("road").tolist() == (LABELS == 1).tolist()
    assert not result.mask("car").any()
    assert result.share("road") == 2 / 6


def test_a_class_that_was_not_found_has_no_pixels() -> None:
    result = result_of("labels", labels=bytes(6))
    assert not result.mask("car").any()
    assert result.share("car") == 0.0
    assert list(result.classes) == ["background"]


def test_a_class_that_the_model_does_not_have_is_an_error_that_lists_those_it_has() -> None:
    with pytest.raises(InvalidRequest, match=r"no class 'raod'; did you mean 'road'.*background"):
        result_of("labels").mask("raod")


def test_a_class_that_the_call_left_out_was_not_asked_for() -> None:
    result = result_of("labels", wanted=(7,))
    assert result.mask("car").any()
    for read in (result.mask, result.share, result.polygons):
        with pytest.raises(NotAsked):
            read("road")


def test_classes_with_the_same_name_are_read_together() -> None:
    message = segmentation()
    message.classes[2].name = "road"
    result = ResultReader().read(pb.SegmentImageResponse(segmentation=message))
    assert result.mask("road").tolist() == ((LABELS == 1) | (LABELS == 7)).tolist()
    assert result.shares["road"] == result.share("road") == 3 / 6


def test_labels_can_be_written_to_and_nothing_else_changes() -> None:
    result = result_of("labels")
    before = dict(result.shares)
    result.labels[:] = 7
    assert result.labels.min() == 7
    assert result.mask("road").any()
    assert (result.shares, result.share("car")) == (before, 1 / 6)


@pytest.mark.parametrize(
    ("read", "output"),
    [
        (lambda result: result.labels, "labels"),
        (lambda result: result.confidence_map, "confidence_map"),
        (lambda result: result.polygons(), "polygons"),
        (lambda result: result.polygons("road"), "polygons"),
        (lambda result: result.geojson(), "polygons"),
        (lambda result: result.coco_annotations(), "polygons"),
        (lambda result: result.mask("road"), "labels"),
        (lambda result: result.share("road"), "labels"),
        (lambda result: result.shares, "labels"),
        (lambda result: result.overlay(np.zeros((2, 3, 3), np.uint8)), "labels"),
    ],
)
def test_what_was_not_asked_for_says_how_to_ask(
    read: Callable[[Result], object], output: str
) -> None:
    with pytest.raises(NotAsked, match=rf"ask for it with outputs=\('{output}', …\)"):
        read(result_of("confidence"))


def test_segments_are_those_of_the_daemon_or_counted_in_the_labels() -> None:
    assert [one.class_name for one in result_of("confidence").segments] == ["road", "car"]
    assert list(result_of("confidence").classes) == ["road", "car"]
    assert [one.area for one in result_of("labels").segments] == [2, 2, 1]
    with pytest.raises(NotAsked, match="labels"):
        _ = result_of("confidence_map").segments


def test_a_notebook_shows_the_labels_in_the_colours_of_the_classes() -> None:
    shown = result_of("labels")._repr_png_()
    assert shown is not None
    picture = Image.open(io.BytesIO(shown))
    assert picture.convert("RGB").getpixel((1, 0)) == (0x80, 0x40, 0x80)
    assert result_of("confidence")._repr_png_() is None


def test_an_overlay_needs_no_list_of_classes() -> None:
    drawn = result_of("labels").overlay(np.zeros((200, 300, 3), np.uint8), alpha=1, legend=False)
    assert drawn.getpixel((295, 150)) == (0, 0, 255), "a car"


def test_an_answer_has_what_its_result_has_or_raises_its_error() -> None:
    result = result_of("labels")
    good = FrameAnswer(0, Status.OK, "", 0.1, segmented=result)
    bad = FrameAnswer(1, Status.SUPERSEDED, "a newer frame came", 0.1)
    assert good.labels is result.labels
    assert (good.shares, good.share("car")) == (result.shares, 1 / 6)
    assert good.mask("car").tolist() == result.mask("car").tolist()
    for read in (
        lambda: bad.labels,
        lambda: bad.shares,
        lambda: bad.classes,
        lambda: bad.mask("car"),
        lambda: bad.overlay(np.zeros((2, 3, 3), np.uint8)),
    ):
        with pytest.raises(Superseded, match="a newer frame came"):
            read()
    assert bad._repr_png_() is None


def test_every_field_of_a_result_can_be_read_from_an_answer() -> None:
    own = {"from_id", "result"}
    masks = {"labels", "confidence_map", "segments", "classes", "shares"}
    methods = {"share", "mask", "polygons", "overlay"}
    assert masks | methods <= set(dir(FrameAnswer)) - own
    for name in methods:
        expected = list(inspect.signature(getattr(Result, name)).parameters)
        assert list(inspect.signature(getattr(FrameAnswer, name)).parameters) == expected


def test_a_reader_keeps_the_classes_of_a_stream_until_others_come() -> None:
    reader = ResultReader()
    described, plain = segmentation(), segmentation()
    del plain.classes[:]
    reader.read(pb.SegmentResponse(segmentation=described))
    later = reader.read(pb.SegmentResponse(segmentation=plain))
    assert later.class_table[1] == ClassInfo(1, "road", (0x80, 0x40, 0x80))
    assert len(later.class_table) == len(class_infos())
    del described.classes[1:]
    assert len(reader.read(pb.SegmentResponse(segmentation=described)).class_table) == 1


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("method", ["segment", "stream"])
def test_help_shows_every_option_and_its_default(
    kind: type[Client] | type[AsyncClient], method: str
) -> None:
    shown = inspect.signature(getattr(kind, method)).parameters
    assert set(DEFAULTS) == set(Options.__annotations__)
    for name, default in DEFAULTS.items():
        assert shown[name].default == default
        assert isinstance(shown[name].annotation, str)
    assert not any(one.kind is one.VAR_KEYWORD for one in shown.values())


@pytest.mark.parametrize(
    ("text", "counts"), [("", []), ("0", [0]), ("42", [4, 2]), ("21100", [2, 1, 1, 1, 1])]
)
def test_compressed_run_lengths_are_read(text: str, counts: list[int]) -> None:
    assert decompress_counts(text) == counts


def test_run_lengths_that_are_cut_off_are_an_error() -> None:
    with pytest.raises(ValueError, match="cut off"):
        decompress_counts("4P")


def test_a_segment_shows_what_it_is() -> None:
    assert repr(Segment(3, "tree", area=4, box=Box(0, 0, 2, 2))).startswith("Segment(3, 'tree', ar")
    assert repr(Segment(3, "tree")) == "Segment(3, 'tree')"


def test_a_mask_of_the_models_padded_input_is_not_drawn_on_the_picture() -> None:
    """It would be drawn in the wrong place."""
    message = pb.SegmentImageResponse(segmentation=segmentation())
    result = ResultReader(covers_frame=False).read(message)
    assert result.mask("road").any()
    with pytest.raises(InvalidRequest, match="size='frame'"):
        result.overlay(np.zeros((200, 300, 3), np.uint8))
    for size, resize, covers in (
        ("frame", "letterbox", True),
        ("model", "stretch", True),
        ("640x480", "crop", True),
        ("model", "letterbox", False),
        ("model", "crop", False),
    ):
        assert covers_frame({"size": size, "resize": resize}) is covers  # type: ignore[typeddict-item]
    assert covers_frame({})


def test_classes_of_one_name_are_one_entry_with_all_their_pixels() -> None:
    message = segmentation()
    message.classes[2].name = message.segments[1].class_name = "road"
    for outputs in (("labels",), ("statistics", "confidence")):
        result = ResultReader(outputs).read(pb.SegmentImageResponse(segmentation=message))
        road = result.classes["road"]
        assert (road.area, road.box) == (3, Box(1, 0, 2, 2))
        assert road.area / 6 == result.share("road")
    assert [one.area for one in result.segments] == [2, 1]


@pytest.mark.parametrize("id_", [-1, 255, 300])
def test_an_id_that_no_class_can_have_is_an_error(id_: int) -> None:
    with pytest.raises(InvalidRequest, match="0 to 254"):
        result_of("labels").mask(id_)


@pytest.mark.parametrize(
    "one",
    [
        np.zeros((48, 64, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        Image.new("RGB", (8, 8)),
        Path("street.jpg"),
        Frame(b"good"),
        b"good",
    ],
)
def test_one_frame_in_place_of_many_is_an_error_and_not_cut_into_rows(one: object) -> None:
    with Client("127.0.0.1:9") as client, pytest.raises(InvalidRequest, match="in a list"):
        client.stream(cast(Any, one))
