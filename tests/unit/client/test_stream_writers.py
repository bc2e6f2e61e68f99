"""Where the results of a stream go, frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import FrameAnswer, Status
from edgeseg_client.cli.outputs.mask_files import MaskFiles
from edgeseg_client.cli.outputs.video_clock import VideoClock
from edgeseg_client.cli.outputs.writers import write_all
from edgeseg_client.cli.report import Report
from edgeseg_client.decode import ResultReader
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.source import SourceFrame
from support.pictures import file_of, gradient

from .scripted_daemon import segmentation


def answered(number: int, image: bytes) -> AnsweredFrame:
    result = ResultReader().read(pb.SegmentResponse(segmentation=segmentation()), number)
    answer = FrameAnswer(number, Status.OK, "", 0.01, result.timing, result)
    return AnsweredFrame(Pictures("door", []), SourceFrame(image, number), answer)


def test_a_frame_that_cannot_be_drawn_is_reported_and_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(["door"], as_json=False)
    writers = [MaskFiles(tmp_path)]
    picture = file_of(gradient(30, 20), "JPEG")
    for number, image in enumerate((picture, b"no picture", picture)):
        write_all(answered(number, image), writers, report)
    assert len(list(tmp_path.glob("*.overlay.png"))) == 2
    assert len(list(tmp_path.glob("*.labels.png"))) == 3
    assert "door, frame 1: not written whole: the picture cannot be" in capsys.readouterr().err
    assert report.failed


def shown(*frames: tuple[int, float | None]) -> list[int]:
    clock = VideoClock()
    return [
        clock.milliseconds(SourceFrame(b"", number, 7_000_000_000, seconds=seconds), number)
        for number, seconds in frames
    ]


def test_each_round_of_a_video_begins_when_the_one_before_has_ended() -> None:
    assert shown((0, 0.0), (1, 0.1), (2, 0.2), (3, 0.0), (4, 0.1), (5, 0.2), (6, 0.0)) == [
        *(0, 100, 200, 300, 400, 500, 600),
    ]
    assert shown((0, 5.0), (1, 5.5), (2, 5.0), (3, 5.5)) == [5000, 5500, 6000, 6500]


def test_a_frame_that_is_answered_late_begins_no_round() -> None:
    assert shown((0, 0.0), (2, 0.2), (1, 0.1), (3, 0.3)) == [0, 200, 100, 300]


def test_frames_of_no_video_have_the_time_of_their_capture() -> None:
    assert shown((0, None), (1, None)) == [7000, 7000]


def test_a_frame_of_a_video_without_a_time_stays_with_the_one_before() -> None:
    assert shown((0, 0.0), (1, 0.1), (2, None), (3, 0.3)) == [0, 100, 100, 300]
