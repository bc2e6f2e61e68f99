"""Streams whose results the daemon may reuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, Frame, InvalidRequest, ServerFault
from edgeseg_client.options import stream_message
from edgeseg_client.sent_ids import MAX_DISTANCE, SentIds

from .scripted_daemon import GOOD, Script, ScriptedDaemon


class Reusing(Script):
    """Answers each frame of a stream with the result of the one `back` before, if there is one."""

    back = 1

    def Segment(  # noqa: N802
        self, request_iterator: Iterator[pb.SegmentRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.SegmentResponse]:
        sent: list[int] = []
        for response in super().Segment(request_iterator, context):
            sent.append(response.frame_id)
            if len(sent) > self.back:
                response.reused_from_frame_id = sent[-1 - self.back]
            yield response


@pytest.fixture
def script() -> Reusing:
    return Reusing()


@pytest.fixture
def client(script: Reusing) -> Iterator[Client]:
    daemon = ScriptedDaemon()
    daemon.script = script
    daemon.start()
    with Client(daemon.address, retry_for=1) as client:
        yield client
    daemon.kill()


def test_a_reused_result_names_the_callers_frame(client: Client) -> None:
    frames = [Frame(GOOD, id=number) for number in (7, 7, 0, 9)]
    answers = list(client.stream(frames, policy="every", reuse="unchanged"))
    assert [answer.frame_id for answer in answers] == [7, 7, 0, 9]
    assert [answer.result.reused_from_frame_id for answer in answers] == [None, 7, 7, 0]
    assert [answer.result.reused for answer in answers] == [False, True, True, True]


def test_frames_far_back_are_known_while_many_are_in_flight(
    client: Client, script: Reusing
) -> None:
    script.back = MAX_DISTANCE - 1
    frames = (Frame(GOOD, id=1000 + number) for number in range(200))
    answers = list(client.stream(frames, policy="every", in_flight=8, reuse="identical"))
    assert len(answers) == 200
    for number, answer in enumerate(answers[script.back :]):
        assert answer.result.reused_from_frame_id == 1000 + number


def test_only_as_many_ids_are_remembered_as_the_contract_needs() -> None:
    ids = SentIds(in_flight=8)
    for key in range(10_000):
        ids.sent(key, -key)
    assert len(ids._ids) == 8 + MAX_DISTANCE
    assert ids.id_of(9_999 - 8 - MAX_DISTANCE + 1) == -(9_999 - 8 - MAX_DISTANCE + 1)
    with pytest.raises(ServerFault, match="frame 3"):
        ids.id_of(3)


def test_the_options_of_reuse_are_sent(client: Client, script: Reusing) -> None:
    list(client.stream([GOOD]))
    list(client.stream([GOOD], reuse="identical"))
    list(client.stream([GOOD], reuse="unchanged", reuse_threshold=2.5, reuse_max_age=0.0001))
    sent = [options for options in script.options if isinstance(options, pb.StreamOptions)]
    found = [(each.reuse, each.reuse_threshold, each.reuse_max_age_ms) for each in sent]
    assert found == [
        (pb.REUSE_OFF, 0, 0),
        (pb.REUSE_IDENTICAL, 0, 0),
        (pb.REUSE_UNCHANGED, 2.5, 1),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reuse": "always"}, "no reuse 'always'; there are: off, identical, unchanged"),
        ({"reuse": None}, "no reuse None"),
        ({"reuse_threshold": 3}, "reuse_threshold is only for reuse='unchanged', not 'off'"),
        ({"reuse": "identical", "reuse_max_age": 3}, "reuse_max_age is only for"),
        ({"reuse": "unchanged", "reuse_threshold": 0}, "more than 0 and at most 64 pixel values"),
        ({"reuse": "unchanged", "reuse_threshold": float("nan")}, "not nan"),
        ({"reuse": "unchanged", "reuse_threshold": "4"}, "not '4'"),
        ({"reuse": "unchanged", "reuse_max_age": 61}, "at most 60 seconds, not 61"),
    ],
)
def test_options_of_reuse_that_are_not_valid_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        stream_message("latest", "normal", **options)
