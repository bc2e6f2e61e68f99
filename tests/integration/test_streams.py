"""Policies, flow control and deadlines of a stream."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.server_options import UNREAD_BYTES
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon

OK, SUPERSEDED = pb.FRAME_STATUS_OK, pb.FRAME_STATUS_SUPERSEDED


async def test_latest_answers_each_frame_once_and_the_newest_with_a_result(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    answers = await segment(daemon.address, frames([jpeg] * 200))
    assert answers.keys() == set(range(200))
    count = Counter(answer.status for answer in answers.values())
    assert count.keys() == {OK, SUPERSEDED}
    assert answers[199].status == OK
    assert "newer frame" in next(a.message for a in answers.values() if a.status == SUPERSEDED)


async def test_every_answers_all_frames_in_order(daemon: RunningDaemon, jpeg: bytes) -> None:
    answers = await segment(daemon.address, [every(), *frames([jpeg] * 60)])
    assert list(answers) == list(range(60))
    assert {answer.status for answer in answers.values()} == {OK}


async def test_frame_ids_and_capture_times_are_echoed(daemon: RunningDaemon, jpeg: bytes) -> None:
    sent = {2**64 - 1: -5, 17: 1_700_000_000_123_456_789}
    requests = [every()]
    for number, captured in sent.items():
        frame = pb.Frame(id=number, captured_unix_ns=captured, data=jpeg)
        requests.append(pb.SegmentRequest(frame=frame))
    answers = await segment(daemon.address, requests)
    assert {number: a.captured_unix_ns for number, a in answers.items()} == sent


async def test_the_stages_of_a_frame_take_less_than_the_whole(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    timing = (await segment(daemon.address, frames([jpeg])))[0].timing
    stages = (timing.decode_us, timing.preprocess_us, timing.invoke_us, timing.labels_us)
    assert all(stages)
    whole = (timing.sent_unix_ns - timing.received_unix_ns) / 1000
    assert sum(stages) + timing.queued_us + timing.encode_us < whole


async def test_a_frame_too_old_when_it_comes_is_not_invoked(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    before = daemon.metric("edgeseg_stage_seconds_count", stage="invoke")
    old = pb.Frame(id=0, data=jpeg, age_us=1_500_000)
    fresh = pb.Frame(id=1, data=jpeg, age_us=0)
    answers = await segment(
        daemon.address,
        [every(max_age_ms=1000), pb.SegmentRequest(frame=old), pb.SegmentRequest(frame=fresh)],
    )
    assert answers[0].status == pb.FRAME_STATUS_EXPIRED
    assert "too old" in answers[0].message
    assert answers[1].status == OK
    assert daemon.metric("edgeseg_stage_seconds_count", stage="invoke") == before + 1


async def test_a_call_past_its_deadline_is_not_invoked(daemon: RunningDaemon, jpeg: bytes) -> None:
    async with stub(daemon.address) as service:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await service.SegmentImage(
                pb.SegmentImageRequest(frame=pb.Frame(data=jpeg)), timeout=1e-6
            )
        assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await segment(daemon.address, frames([jpeg])))[0].status == OK


async def test_a_client_that_leaves_in_mid_frame_costs_others_nothing(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with stub(daemon.address) as service:
        call = service.Segment()
        await call.write(every())
        for request in frames([jpeg] * 3):
            await call.write(request)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.read()
    assert (await segment(daemon.address, frames([jpeg])))[0].status == OK
    assert daemon.metric("edgeseg_streams") == 0


FIXED_WINDOW = ("grpc.http2.bdp_probe", 0)
"""Of a client, which takes 64 KB of answers that it does not read: about 1000 SUPERSEDED ones.
Else gRPC lets that grow."""


@pytest.mark.parametrize("policy", [pb.QUEUE_POLICY_LATEST, pb.QUEUE_POLICY_EVERY])
async def test_a_client_that_stops_reading_is_held_back_while_others_are_served(
    daemon: RunningDaemon, jpeg: bytes, policy: pb.QueuePolicy.ValueType
) -> None:
    sent = 0
    size = pb.OutputSize(width=1900, height=2000)
    segmentation = pb.SegmentationOptions(size=size)

    async def requests() -> AsyncIterator[pb.SegmentRequest]:
        nonlocal sent
        yield pb.SegmentRequest(options=pb.StreamOptions(policy=policy, segmentation=segmentation))
        for request in frames([jpeg] * 3000):
            yield request
            sent += 1

    async with stub(daemon.address, FIXED_WINDOW) as lazy:
        call = lazy.Segment(requests())
        while True:  # until nothing more is sent while another client gets 20 answers
            before = sent
            others = await segment(daemon.address, [every(), *frames([jpeg] * 20)])
            assert {answer.status for answer in others.values()} == {OK}
            if sent == before > 0:
                break
        superseded = 2000 if policy == pb.QUEUE_POLICY_LATEST else 0
        assert (sent - superseded) * len(jpeg) < 4 * UNREAD_BYTES
        assert daemon.metric("edgeseg_queue_depth") <= 4
        read = 0
        async for response in call:
            assert response.status in (OK, SUPERSEDED)
            read += 1
            if read == 30:
                break
        assert read == 30
        call.cancel()


async def test_overload_of_images_says_when_to_try_again(jpeg: bytes) -> None:
    running = RunningDaemon("--unary-queue=2")
    try:
        async with stub(running.address) as service:
            request = pb.SegmentImageRequest(frame=pb.Frame(data=jpeg))
            calls = [service.SegmentImage(request) for _ in range(40)]
            codes = [await call.code() for call in calls]
            refused = calls[codes.index(grpc.StatusCode.RESOURCE_EXHAUSTED)]
            metadata = dict(list(await refused.trailing_metadata()))
            assert int(metadata["grpc-retry-pushback-ms"]) > 0
            assert "try again" in (await refused.details() or "")
            assert grpc.StatusCode.OK in codes
            assert (await service.SegmentImage(request)).segmentation.labels
    finally:
        assert running.stop() == 0
