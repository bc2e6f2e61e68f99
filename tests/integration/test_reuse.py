"""Streams that reuse results, through the daemon as users start it."""

from __future__ import annotations

import asyncio
import gc
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reuse import Found, compare, encode, run
from still_scene import still_scene

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, Frame
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.options import Policy
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.core.reuse import MAX_DISTANCE, ReuseMode, ReuseStream, StreamFrame
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.supervision.engine_process import EngineProcess
from scenes import draw_scene
from support.builtin_engine import builtin_setup
from support.calls import frames, segment, stub
from support.pictures import Pixels
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.runtime


def options(
    reuse: pb.Reuse.ValueType, policy: pb.QueuePolicy.ValueType = pb.QUEUE_POLICY_EVERY
) -> pb.SegmentRequest:
    age = 60_000 if reuse == pb.REUSE_UNCHANGED else 0
    message = pb.StreamOptions(policy=policy, reuse=reuse, reuse_max_age_ms=age)
    return pb.SegmentRequest(options=message)


def reused(daemon: RunningDaemon, reason: ReuseMode) -> float:
    return daemon.metric("edgeseg_frames_reused_total", reason=reason.value)


def invokes(daemon: RunningDaemon) -> float:
    return daemon.metric("edgeseg_stage_seconds_count", stage="invoke")


def sources(answers: dict[int, pb.SegmentResponse]) -> dict[int, int | None]:
    """By frame, the id of the one whose result it got; None where it was computed."""
    return {
        number: answer.reused_from_frame_id if answer.HasField("reused_from_frame_id") else None
        for number, answer in answers.items()
    }


@pytest.mark.parametrize("mode", [pb.REUSE_IDENTICAL, pb.REUSE_UNCHANGED])
async def test_of_the_same_frames_one_in_thirty_is_computed_and_all_are_counted(
    daemon: RunningDaemon, jpeg: bytes, mode: pb.Reuse.ValueType
) -> None:
    before, computed = reused(daemon, ReuseMode.IDENTICAL), invokes(daemon)
    count = 2 * MAX_DISTANCE
    answers = await segment(daemon.address, [options(mode), *frames([jpeg] * count)])
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert list(answers) == list(range(count))
    found = sources(answers)
    del answers[0].segmentation.classes[:]  # only the first result of a stream has them
    fresh = [number for number, source in found.items() if source is None]
    assert invokes(daemon) - computed == len(fresh)
    assert reused(daemon, ReuseMode.IDENTICAL) - before == count - len(fresh)
    for number, source in found.items():
        if source is not None:
            assert 0 < number - source < MAX_DISTANCE
            assert answers[number].segmentation == answers[source].segmentation
            assert answers[number].timing.invoke_us == 0
        else:
            assert answers[number].timing.invoke_us > 0
    assert len(fresh) <= count / 4, "each of several engines computes its own"


async def test_nothing_is_reused_unless_a_stream_asks_for_it(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    for reuse in (pb.REUSE_UNSPECIFIED, pb.REUSE_OFF):
        answers = await segment(daemon.address, [options(reuse), *frames([jpeg] * 5)])
        assert set(sources(answers).values()) == {None}
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}


async def test_latest_reuses_results_and_a_bad_frame_costs_only_itself(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with stub(daemon.address) as service:
        call = service.Segment()
        await call.write(options(pb.REUSE_UNCHANGED, pb.QUEUE_POLICY_LATEST))
        found = []
        for request in frames([jpeg, jpeg, jpeg[:900], jpeg, b"no picture", jpeg]):
            await call.write(request)
            answer = await call.read()
            assert isinstance(answer, pb.SegmentResponse)
            found.append(answer)
        await call.done_writing()
    ok, invalid = pb.FRAME_STATUS_OK, pb.FRAME_STATUS_INVALID
    assert [answer.status for answer in found] == [ok, ok, invalid, ok, invalid, ok]
    assert [answer.reused_from_frame_id for answer in found if answer.status == ok] == [0] * 4
    assert not found[0].HasField("reused_from_frame_id")


async def test_options_of_reuse_that_are_not_valid_end_the_call(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    wrong = pb.SegmentRequest(options=pb.StreamOptions(reuse_threshold=3))
    async with stub(daemon.address) as service:
        with pytest.raises(Exception, match="reuse_threshold is only for reuse UNCHANGED"):
            async for _ in service.Segment(iter([wrong, *frames([jpeg])])):
                pass


@pytest.mark.parametrize("policy", ["latest", "every"])
def test_frames_in_shared_memory_are_compared_too(
    tmp_path: Path, launch: Launch, policy: Policy
) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    running = launch(f"--listen={address}", "--delegate=cpu")
    pixels = draw_scene(7).image
    with Client(address, shared_memory=True) as client:

        def same_pixels(count: int) -> Iterator[FrameBuffer]:
            for _ in range(count):
                buffer = client.frame_buffer(pixels.shape[1], pixels.shape[0], "rgb")
                buffer.array[:] = pixels
                yield buffer

        answers = list(client.stream(same_pixels(6), policy=policy, in_flight=1, reuse="identical"))
    assert [answer.result.reused_from_frame_id for answer in answers] == [None, *[0] * 5]
    assert reused(running, ReuseMode.IDENTICAL) == 5


def test_another_engine_computes_its_own_result(launch: Launch, jpeg: bytes) -> None:
    running = launch("--delegate=cpu", "--optimize=latency")

    def camera() -> Iterator[Frame]:
        for number in range(6):
            if number == 3:
                assert running.engine_pid is not None
                os.kill(running.engine_pid, 9)
            yield Frame(jpeg, id=number)

    with Client(running.address) as client:
        answers = list(client.stream(camera(), policy="every", in_flight=1, reuse="identical"))
    assert [answer.result.reused_from_frame_id for answer in answers] == [None, 0, 0, None, 3, 3]


async def test_an_engine_forgets_a_stream_once_nothing_refers_to_it(jpeg: bytes) -> None:
    engine = await EngineProcess.start(
        builtin_setup((DelegateSpec(), 1), slots=2), start_seconds=60
    )

    async def ask(stream: ReuseStream, place: int) -> FrameResult:
        answer: asyncio.Future[FrameResult] = asyncio.get_running_loop().create_future()

        def settle(outcome: FrameResult | Exception) -> None:
            assert isinstance(outcome, FrameResult)
            answer.set_result(outcome)

        own = StreamFrame(stream, place, place)
        job = Job(FrameSpec(FrameFormat.JPEG), jpeg, ResultOptions(), Answer(), None, in_stream=own)
        engine.segment(job, answer_seconds=60, on_outcome=settle)
        return await answer

    try:
        stream = ReuseStream(1, ReuseMode.IDENTICAL)
        assert (await ask(stream, 0)).reused is None
        assert (await ask(stream, 1)).reused is not None
        del stream
        gc.collect()
        await asyncio.sleep(0)  # the finalizer's call
        assert (await ask(ReuseStream(1, ReuseMode.IDENTICAL), 2)).reused is None
        assert engine._streams.keys() == {1}
    finally:
        await engine.close()


def check(found: Found, *, saved: float, agreement: float) -> None:
    assert found.changes >= 8, "objects came and went"
    assert found.missed == 0
    assert 1 - found.invokes / found.frames >= saved
    assert np.mean(found.agreement) >= agreement


def still(picture: Pixels, launch: Launch, *flags: str) -> Found:
    running = launch("--delegate=cpu", "--optimize=latency", *flags)
    frames = encode(still_scene(picture, 150, sigma=4, every=20))
    fresh, _ = run(running.address, frames, "off")
    reusing, _ = run(running.address, frames, "unchanged", max_age=60)
    return compare(frames, fresh, reusing)


@pytest.mark.slow
def test_in_a_still_scene_no_change_is_missed_and_most_invokes_are_saved(launch: Launch) -> None:
    check(still(draw_scene(7, (1280, 720)).image, launch), saved=0.8, agreement=0.99)


@pytest.mark.slow
@pytest.mark.realmodel
def test_in_a_still_photograph_no_change_is_missed_and_most_invokes_are_saved(
    launch: Launch, shared_dir: Path
) -> None:
    with Image.open(io.BytesIO((shared_dir / "images/cat_720p.jpg").read_bytes())) as image:
        picture = np.asarray(image.convert("RGB"))
    model = shared_dir / "models/deeplabv3_257_mv_gpu.tflite"
    check(still(picture, launch, f"--model={model}"), saved=0.8, agreement=0.99)
