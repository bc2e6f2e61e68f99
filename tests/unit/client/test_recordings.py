"""Recordings: what is written, and what is read of damaged ones."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import FrameAnswer, Status
from edgeseg_client.decode import ResultReader
from edgeseg_client.errors import InvalidRequest, WrongSource
from edgeseg_client.frame import ImageLike
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.opening import open_source
from edgeseg_client.sources.recording import RecordedFrames, read_recording
from edgeseg_client.sources.recording_writer import Recording
from edgeseg_client.sources.source import Source, SourceFrame
from support.pictures import file_of

from .scripted_daemon import HEIGHT, LABELS, WIDTH, segmentation

JPEG = file_of(Image.new("RGB", (30, 20), "white"), "JPEG")


class Named(Source):
    """A source that has a name only."""

    def __iter__(self) -> Iterator[SourceFrame]:
        return iter(())


def answered(
    number: int, *, image: ImageLike = JPEG, source: str = "door", label: str = ""
) -> AnsweredFrame:
    frame = SourceFrame(image, number, 1_000 * number, label)
    message = segmentation()
    message.ClearField("labels")
    message.labels_png = file_of(Image.frombytes("L", (WIDTH, HEIGHT), LABELS), "PNG")
    response = pb.SegmentResponse(frame_id=number, segmentation=message, timing=pb.Timing())
    result = ResultReader(("labels_png",)).read(response)
    answer = FrameAnswer(number, Status.OK, "", 0.01, result.timing, result)
    return AnsweredFrame(Named(source), frame, answer)


def failed(number: int, image: ImageLike) -> AnsweredFrame:
    answer = FrameAnswer(number, Status.INVALID, "it is empty", 0.01)
    return AnsweredFrame(Named("door"), SourceFrame(image, number, 1_000), answer)


def recorded(path: Path, *frames: AnsweredFrame) -> Path:
    recording = Recording(path)
    for frame in frames:
        recording.add(frame)
    recording.close()
    return path


def test_a_frame_without_its_bytes_is_recorded_as_failed_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    frames = [answered(0), failed(1, b""), failed(2, tmp_path / "missing.jpg"), answered(3)]
    again = list(read_recording(recorded(tmp_path / "a.edgeseg", *frames)))
    assert [one.answer.status for one in again] == ["ok", "invalid", "invalid", "ok"]
    assert [one.frame.image for one in again] == [JPEG, b"", b"", JPEG]
    with pytest.raises(InvalidRequest):
        again[1].frame.picture()


def test_a_recording_is_not_written_over_another(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0))
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        Recording(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("label", ["../evil", "/etc/evil", "..\\evil", "a/../../evil"])
def test_a_label_of_a_recording_is_a_plain_file_name(label: str, tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0, label=label, source=label))
    (again,) = read_recording(path)
    assert (again.frame.label, again.source.name) == ("evil", "evil")


def test_a_label_that_is_no_file_name_is_none(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0, label="..", source=".."))
    (again,) = read_recording(path)
    assert (again.frame.label, again.source.name) == ("", "source")


def test_frames_of_several_recorded_sources_have_names_and_ids_of_their_own(
    tmp_path: Path,
) -> None:
    frames = [answered(0, source=name, label=label) for label in ("1.jpg", "") for name in "ab"]
    source = open_source(str(recorded(tmp_path / "two.edgeseg", *frames)))
    again = list(source)
    assert [frame.id for frame in again] == [0, 1, 2, 3]
    assert [frame.label for frame in again] == ["a-1.jpg", "b-1.jpg", "a-000000", "b-000000"]


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the line of the second of two entries."""
    first, rest = path.read_bytes().split(b"\n", 1)
    line, rest = rest.split(b"\n", 1)
    size = sum(json.loads(line)["bytes"])
    head, rest = first + b"\n" + line + b"\n" + rest[:size], rest[size:]
    line, rest = rest.split(b"\n", 1)
    values = json.loads(line)
    new = change(values)
    text = new if isinstance(new, bytes) else json.dumps(values).encode()
    path.write_bytes(head + text + b"\n" + rest)


def key(name: str, value: object, *inside: str) -> Callable[[dict[str, Any]], object]:
    def change(values: dict[str, Any]) -> None:
        for one in inside:
            values = values[one]
        values[name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"{not json",
        lambda _: b"[]",
        lambda _: b"\xff\xfe",
        lambda _: b"[" * 100_000,
        lambda _: b"x" * (1 << 20),
        *(
            lambda values, name=name: values.pop(name) and None
            for name in ("bytes", "source", "frame_id", "label", "status", "latency", "timing")
        ),
        key("status", "splendid"),
        key("status", ["ok"]),
        key("status", "invalid"),
        key("bytes", [-1, 5]),
        key("bytes", [5]),
        key("bytes", [True, 5]),
        key("bytes", [1 << 40, 5]),
        key("bytes", 7),
        key("latency", float("nan")),
        key("latency", -0.5),
        key("covers_frame", "no", "result"),
        key("latency", 10**400),
        key("seconds", float("inf")),
        key("frame_id", 1 << 70),
        key("captured_unix_ns", -1),
        key("label", 7),
        key("splendid", 1, "timing"),
        key("queued", "soon", "timing"),
        key("size", [5, 4000], "result"),
        key("size", [0], "result"),
        key("frame_size", None, "result"),
        key("model", ["toy"], "result"),
        key("wanted", ["road"], "result"),
        key("classes", [[]]),
        key("classes", [[1, "road", 1, 2]]),
        key("classes", [[1, "road", 1, 2, 256]]),
    ],
)
def test_a_damaged_entry_names_the_file_and_its_number(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0), answered(1))
    changed(path, change)
    entries = read_recording(path)
    assert next(entries).answer.ok
    with pytest.raises(WrongSource, match=r"a\.edgeseg is damaged: entry 2: "):
        next(entries)
    with pytest.raises(WrongSource, match="entry 2: "):
        list(open_source(str(path)))


def test_damaged_labels_and_frames_name_the_file_and_the_entry(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0))
    whole = path.read_bytes()
    at = whole.index(b"\x89PNG")
    path.write_bytes(whole[:at] + b"\0" * (len(whole) - at))
    with pytest.raises(
        WrongSource, match="entry 1: its labels cannot be decoded: its header is damaged"
    ):
        list(read_recording(path))
    at = whole.index(JPEG) - 3  # its tag and its size
    path.write_bytes(whole[:at] + b"\xff" * 50 + whole[at + 50 :])
    with pytest.raises(WrongSource, match=r"entry 1: its frame is no message edgeseg\.v1\.Frame"):
        list(read_recording(path))


def test_a_recording_that_was_cut_off_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0), answered(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with caplog.at_level(logging.WARNING):
        assert len(list(open_source(str(path)))) == 1
    (warning,) = caplog.messages
    assert "a.edgeseg was cut off in entry 2" in warning
    first_line = whole.index(b"\n") + 1
    for end in range(first_line, len(whole)):
        path.write_bytes(whole[:end])
        assert len(list(read_recording(path))) < 2


def test_a_recording_that_is_cut_off_in_its_first_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.edgeseg"
    path.write_bytes(b'{"format": "edges')
    with pytest.raises(WrongSource, match="is no recording"):
        list(read_recording(path))


def test_a_recording_knows_whether_its_masks_cover_the_frame(tmp_path: Path) -> None:
    frames = [answered(0), answered(1)]
    part = frames[1].answer.result
    frames[1] = replace(
        frames[1],
        answer=replace(frames[1].answer, segmented=replace(part, covers_frame=False)),
    )
    whole, cut = read_recording(recorded(tmp_path / "a.edgeseg", *frames))
    assert whole.answer.result.overlay(JPEG, legend=False).size == (30, 20)
    with pytest.raises(InvalidRequest, match="the model's input, padded or cut"):
        cut.answer.result.overlay(JPEG)


def test_a_video_that_begins_before_its_zero_is_read_again(tmp_path: Path) -> None:
    frame = answered(0)
    frame = replace(frame, frame=replace(frame.frame, seconds=-0.5))
    [read] = read_recording(recorded(tmp_path / "a.edgeseg", frame))
    assert read.frame.seconds == -0.5


def test_a_recording_in_a_pipe_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.edgeseg", answered(0))
    source, pipe = os.pipe()
    os.write(pipe, path.read_bytes()[:1000])
    try:
        with pytest.raises(WrongSource, match="is a pipe; a recording is read twice"):
            list(RecordedFrames("", Path(f"/dev/fd/{source}")).answered())
    finally:
        os.close(source)
        os.close(pipe)


@pytest.mark.parametrize("moment", [2 * 3600 * 10**9, (1 << 63) - 1])
def test_a_clock_that_was_set_stops_no_replay(
    moment: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [answered(0), answered(1), answered(2)]
    frames[1] = replace(frames[1], frame=replace(frames[1].frame, captured_unix_ns=moment))
    path = recorded(tmp_path / "a.edgeseg", *frames)
    assert len(list(RecordedFrames("", path, speed=0.1).answered())) == 3
    assert "the clock was set" in caplog.text
