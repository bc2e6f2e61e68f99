"""The numbers of a stream on a terminal, also a narrow one, and in a pipe."""

import io

import pytest
from rich.console import Console, RenderableType

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import FrameAnswer, Status
from edgeseg_client.cli.terminal_view import live_view, summary_table
from edgeseg_client.decode import ResultReader
from edgeseg_client.summary import Summary

from .scripted_daemon import segmentation


def printed(shown: RenderableType, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(shown)
    return file.getvalue()


def summary(results: int = 3) -> Summary:
    made = Summary()
    timing = pb.Timing(queued_us=100, decode_us=2_100, invoke_us=8_200)
    for number in range(results):
        response = pb.SegmentResponse(segmentation=segmentation(), timing=timing)
        made.add(
            FrameAnswer(
                number, Status.OK, "", 0.0125, segmented=ResultReader().read(response, number)
            )
        )
    made.add(FrameAnswer(results, Status.SUPERSEDED, "a newer frame came", 0.1))
    return made


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_summary_can_be_read_whole_at_any_width(width: int) -> None:
    text = printed(summary_table("front", summary()), width)
    assert "…" not in text
    words = " ".join(text.split())
    for shown in ("source front", "superseded 1", "ok 3", "12.5 ms", "toy", "cpu"):
        assert shown in words
    assert "decode 2.1" in words
    assert "invoke 8.2" in words
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text, "no escape codes in a pipe"


@pytest.mark.parametrize("width", [80, 200])
def test_several_sources_are_lines_of_a_table(width: int) -> None:
    text = printed(
        live_view({"front": summary(), "yard": summary(0)}, {"yard": "it does not answer"}), width
    )
    words = " ".join(text.split())
    assert "background 33.3%, road 33.3%, car 16.7%" in words
    assert "lost: it does not answer" in words
    assert "12.5" in text


def test_one_source_that_is_lost_says_why() -> None:
    text = printed(live_view({"front": summary(0)}, {"front": "no route to host"}), 60)
    assert "front is lost: no route to host" in text


def test_rates_and_stages_are_those_of_the_newest_results() -> None:
    times = iter(float(number) for number in range(100))
    made = Summary(clock=lambda: next(times))
    assert (made.recent_rate, made.stage("decode")) == (0.0, 0.0)
    for number in range(80):
        timing = pb.Timing(decode_us=1000 if number < 40 else 3000)
        response = pb.SegmentResponse(segmentation=segmentation(), timing=timing)
        result = ResultReader().read(response)
        made.add(FrameAnswer(number, Status.OK, "", 0.01, segmented=result))
    assert made.recent_rate == 1.0
    assert made.stage("decode") == 0.003


def test_names_in_brackets_are_shown() -> None:
    made = summary()
    response = pb.SegmentResponse(segmentation=segmentation())
    response.segmentation.model = "toy [int8]"
    response.segmentation.classes.add(id=1, name="road [wet]")
    result = ResultReader().read(response)
    made.add(FrameAnswer(3, Status.OK, "", 0.01, segmented=result))
    for shown in (
        summary_table("pics [old]", made),
        live_view({"pics [old]": made}, {}),
        live_view({"pics [old]": made, "b": made}, {"b": "[Errno 5] broken"}),
    ):
        text = printed(shown, 200)
        assert "pics [old]" in text
    assert "toy [int8]" in printed(summary_table("a", made), 80)
    assert "road [wet] 33.3%" in printed(live_view({"a": made}, {}), 80)
    assert "[Errno 5] broken" in printed(
        live_view({"a": made, "b": made}, {"b": "[Errno 5] broken"}), 200
    )
