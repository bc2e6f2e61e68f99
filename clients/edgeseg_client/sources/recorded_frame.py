"""Frames and answers from the entries of a recording; `ValueError` says what is damaged."""

from __future__ import annotations

import io
from dataclasses import fields
from typing import get_args

from google.protobuf.message import DecodeError
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.decode_reason import reason_of
from edgeseg_client.frame import Plane, RawFormat, RawImage
from edgeseg_client.info import ClassInfo
from edgeseg_client.names import FORMATS, YUV_MATRICES, YUV_RANGES
from edgeseg_client.result import Result
from edgeseg_client.sources.recording_entry import Entry, Fields, of_kind, whole_number
from edgeseg_client.sources.source import SourceFrame
from edgeseg_client.status import Status
from edgeseg_client.timing import Timing


def source_name(entry: Entry) -> str:
    """The name of the frame's source, which can be that of a folder."""
    return _file_name(entry.line.get("source", str)) or "source"


def _file_name(text: str) -> str:
    """The last part of a path, so that nothing is written outside a folder; or empty."""
    name = text.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return "" if name in {".", ".."} else name


def read_class_info(values: object) -> ClassInfo:
    """A class of a model: its id, its name, and red, green and blue."""
    id_, name, *color = of_kind(values, list, "a class") or [None, None]
    channels = [whole_number(each, "a colour") for each in color]
    if len(channels) != 3 or max(channels) > 255:
        raise ValueError("classes have no colour")
    return ClassInfo(
        whole_number(id_, "a class"),
        of_kind(name, str, "a class"),
        (channels[0], channels[1], channels[2]),
    )


def read_frame(entry: Entry) -> SourceFrame:
    """The frame as it was sent; without bytes if it was recorded so."""
    line = entry.line
    try:
        message = pb.Frame.FromString(entry.sent)
    except DecodeError:
        raise ValueError("its frame is no message edgeseg.v1.Frame") from None
    image: bytes | RawImage = message.data
    if message.width:
        image = RawImage(
            message.data,
            _raw_format(message.format),
            message.width,
            message.height,
            message.stride,
            [Plane(one.offset, one.stride) for one in message.planes],
            "full" if message.yuv_range == YUV_RANGES["full"] else "limited",
            "bt709" if message.yuv_matrix == YUV_MATRICES["bt709"] else "bt601",
        )
    return SourceFrame(
        image,
        line.whole("frame_id"),
        line.whole("captured_unix_ns") if "captured_unix_ns" in line else None,
        _file_name(line.get("label", str)),
        line.position("seconds") if "seconds" in line else None,
    )


def _raw_format(number: int) -> RawFormat:
    name = next((name for name, value in FORMATS.items() if value == number), None)
    if name not in get_args(RawFormat):
        raise ValueError(f"its frame has the format {number}")
    return name  # type: ignore[return-value] # it is one of them


def read_answer(entry: Entry, classes: tuple[ClassInfo, ...]) -> FrameAnswer:
    """Its answer; the classes are those of its model."""
    line = entry.line
    timing = _timing(line.within("timing")) if "timing" in line else None
    status = Status(line.get("status", str))
    result = None
    if "result" in line and timing is not None:
        result = _result(entry, timing, classes)
    if (result is None) == (status is Status.OK):
        raise ValueError(
            f"its status is {status}, {'without' if result is None else 'with'} result"
        )
    return FrameAnswer(
        line.whole("frame_id"),
        status,
        line.get("message", str),
        line.seconds("latency"),
        timing,
        result,
    )


def _timing(line: Fields) -> Timing:
    if unknown := line.names() - {field.name for field in fields(Timing)}:
        raise ValueError(f"timing has {', '.join(sorted(unknown))}")
    return Timing(
        queued=line.seconds("queued"),
        decode=line.seconds("decode"),
        preprocess=line.seconds("preprocess"),
        invoke=line.seconds("invoke"),
        labels=line.seconds("labels"),
        encode=line.seconds("encode"),
        received_unix_ns=line.whole("received_unix_ns"),
        sent_unix_ns=line.whole("sent_unix_ns"),
    )


def _result(entry: Entry, timing: Timing, classes: tuple[ClassInfo, ...]) -> Result:
    line, made = entry.line, entry.line.within("result")
    width, height = (whole_number(one, "size") for one in made.items("size", 2))
    frame_width, frame_height = (whole_number(one, "size") for one in made.items("frame_size", 2))
    model, version, delegate = (of_kind(one, str, "model") for one in made.items("model", 3))
    _require_labels(entry.labels, (width, height))
    reused = "reused_from_frame_id"
    return Result(
        frame_id=line.whole("frame_id"),
        captured_unix_ns=line.whole("captured_unix_ns") if "captured_unix_ns" in line else 0,
        width=width,
        height=height,
        frame_size=(frame_width, frame_height),
        found=(),
        labels_png=entry.labels,
        model=model,
        model_version=version,
        delegate=delegate,
        timing=timing,
        raw_labels=b"",
        raw_confidence_map=b"",
        outputs=("labels_png",),
        wanted=tuple(whole_number(one, "wanted") for one in made.items("wanted")),
        class_table=classes,
        covers_frame=made.get("covers_frame", bool) if "covers_frame" in made else True,
        reused_from_frame_id=made.whole(reused) if reused in made else None,
    )


def _require_labels(png: bytes, size: tuple[int, int]) -> None:
    """Raises `ValueError` if they are no labels of that size."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            fits = picture.size == size and picture.mode in {"L", "P"}
            if fits:
                picture.load()
    except Exception as error:  # Pillow raises nearly everything
        raise ValueError(f"its labels cannot be decoded: {reason_of(error)}") from error
    if not fits:
        raise ValueError(f"its labels are not indexed, or not of {size[0]} x {size[1]} pixels")
