"""How old frames are when the real daemon answers them."""

from __future__ import annotations

import time

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, Frame
from support.calls import every, segment
from support.running_daemon import Launch

AGE = "edgeseg_frame_age_seconds"
HOUR_US = 3_600_000_000


async def test_the_age_of_answered_frames_begins_at_their_capture(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch()
    ages = (2_000_000, 0, HOUR_US, (1 << 64) - 1, 1_000_000)
    requests = [
        pb.SegmentRequest(frame=pb.Frame(id=number, data=jpeg, age_us=age))
        for number, age in enumerate(ages)
    ]
    broken = pb.SegmentRequest(frame=pb.Frame(id=len(ages), data=b"none", age_us=1_000_000))
    answers = await segment(daemon.address, [every(), *requests, broken])
    assert [answers[number].status for number in range(len(ages))] == [pb.FRAME_STATUS_OK] * 5
    who = {"model": "scenes", "delegate": "cpu"}
    assert daemon.metric("edgeseg_frame_seconds_count", **who) == 5
    assert daemon.metric(f"{AGE}_count", **who) == 2, "those that are told and not absurd"
    total = daemon.metric(f"{AGE}_sum", **who)
    in_daemon = daemon.metric("edgeseg_frame_seconds_sum", **who)
    assert 3.0 < total <= 3.0 + in_daemon


def test_the_clients_frames_have_an_age_without_further_ado(launch: Launch, jpeg: bytes) -> None:
    daemon = launch()
    captured = time.time_ns() - 1_500_000_000
    with Client(daemon.address) as client:
        assert client.segment(jpeg)
        [answer] = client.stream([Frame(jpeg, captured_unix_ns=captured)])
        assert answer.ok
    assert daemon.metric(f"{AGE}_count") == 2
    assert daemon.metric(f"{AGE}_sum") > 1.5
