"""When an engine gives a frame the result of an earlier one, with the built-in model."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.errors import EngineDistrusted, Expired, InternalFault, InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import Output, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import MAX_DISTANCE, Reused, ReuseMode, ReuseStream, StreamFrame
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine import reuse
from edgesegd.engine.engine import Engine
from edgesegd.engine.frames import InvokedFrame, PreparedFrame, ReusedFrame
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.ipc.messages import FrameJob
from edgesegd.models.spec import ModelSpec
from support.frame_pipeline import pipeline_of, run_frame
from support.pictures import Pixels, file_of, gradient

pytestmark = pytest.mark.runtime

WIDTH, HEIGHT = 320, 200
PNG = FrameSpec(FrameFormat.PNG)
RGB = FrameSpec(FrameFormat.RGB, WIDTH, HEIGHT, 3 * WIDTH)
LIMIT = 1 << 22
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared_engine(model: ModelSpec) -> Engine:
    return make_engine(model)


def make_engine(model: ModelSpec, reuse_bytes: int = LIMIT) -> Engine:
    return Engine(
        model,
        load_runtime("auto"),
        DelegateSpec(),
        threads=1,
        max_pixels=1_000_000,
        decode_seconds=60.0,
        max_result=10_000_000,
        reuse_bytes=reuse_bytes,
    )


class Stream:
    """A stream of an engine; its frames have the ids 100, 101, ..."""

    def __init__(
        self,
        engine: Engine,
        mode: ReuseMode = ReuseMode.UNCHANGED,
        *,
        options: ResultOptions | None = None,
        **rule: Any,  # noqa: ANN401 # as ReuseStream
    ) -> None:
        self.engine = engine
        self.stream = ReuseStream(next(numbers), mode, **rule)
        self.options = options or ResultOptions()
        self.places = itertools.count()

    def job(self, data: bytes, spec: FrameSpec, deadline: float | None = None) -> FrameJob:
        place = next(self.places)
        own = StreamFrame(self.stream, 100 + place, place)
        return FrameJob(0, len(data), deadline, spec, self.options, in_stream=own)

    def send(
        self, data: bytes, spec: FrameSpec = PNG, deadline: float | None = None
    ) -> FrameResult:
        job = self.job(data, spec, deadline)
        return run_frame(self.engine, job, data)

    def sources(self, *frames: bytes, spec: FrameSpec = PNG) -> list[int | None]:
        """For each frame the place of the one whose result it got; None if it was computed."""
        found = [self.send(data, spec).reused for data in frames]
        return [None if reused is None else reused.frame_id - 100 for reused in found]


@pytest.fixture(params=ReuseMode)
def either(shared_engine: Engine, request: pytest.FixtureRequest) -> Stream:
    return Stream(shared_engine, request.param)


@pytest.fixture
def unchanged(shared_engine: Engine) -> Stream:
    return Stream(shared_engine)


def scene(**changed: int) -> Pixels:
    """A picture; `at` places a square of 12 pixels there, `lighter` adds to all of it."""
    pixels = np.asarray(gradient(WIDTH, HEIGHT)) // 2 + changed.get("lighter", 0)
    pixels = pixels.astype(np.uint8)
    if at := changed.get("at"):
        pixels[at : at + 12, at : at + 12] += 100
    return pixels


def png(pixels: Pixels) -> bytes:
    return file_of(Image.fromarray(pixels), "PNG")


def noisy(pixels: Pixels, seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    return (pixels + rng.normal(0, 2, pixels.shape)).round().clip(0, 255).astype(np.uint8)


ONE, OTHER = png(scene()), png(scene(at=50))


def test_the_same_bytes_get_the_same_result_without_an_invoke(either: Stream) -> None:
    first, again = either.send(ONE), either.send(ONE)
    assert first.reused is None
    assert again.reused == Reused(100, ReuseMode.IDENTICAL)
    assert (again.planes, again.frame_size) == (first.planes, first.frame_size)
    assert set(again.seconds) == {Stage.DECODE}, "nothing else was done"


@pytest.mark.parametrize("spec", [PNG, RGB], ids=["file", "raw"])
def test_a_client_that_overwrites_its_memory_early_spoils_no_later_frame(
    either: Stream, spec: FrameSpec
) -> None:
    """Its later frames are compared with what was computed, and not with what it wrote then."""
    engine = either.engine
    pipeline = pipeline_of(engine)
    one, other = (
        png(scene(at=at)).ljust(100_000, b"\0") if spec is PNG else scene(at=at).tobytes()
        for at in (0, 50)
    )
    memory = bytearray(one)
    job = dataclasses.replace(either.job(one, spec), region=1)
    prepared = pipeline.decode_frame(job, memoryview(memory))
    memory[:] = other
    pipeline.make_mask(job, pipeline.invoke(job, prepared))
    assert either.sources(other, one, spec=spec) == [None, None]
    again = Stream(engine, either.stream.mode)
    job = dataclasses.replace(again.job(one, spec), region=1)
    assert run_frame(engine, job, bytearray(one)).reused is None
    assert again.sources(one, spec=spec) == [0]


def test_other_bytes_are_computed(either: Stream) -> None:
    assert either.sources(ONE, OTHER, OTHER, ONE, ONE) == [None, None, 1, None, 3]


def test_identical_compares_bytes_and_not_pictures(shared_engine: Engine) -> None:
    stream = Stream(shared_engine, ReuseMode.IDENTICAL)
    again = file_of(Image.fromarray(scene()), "PNG", compress_level=1)
    assert again != ONE
    assert stream.sources(ONE, again) == [None, None]


def test_raw_frames_of_the_same_bytes_but_another_size_are_computed(shared_engine: Engine) -> None:
    stream = Stream(shared_engine, ReuseMode.IDENTICAL)
    data, turned = scene().tobytes(), FrameSpec(FrameFormat.RGB, HEIGHT, WIDTH, 3 * HEIGHT)
    assert stream.send(data, RGB).reused is None
    assert stream.send(data, RGB).reused == Reused(100, ReuseMode.IDENTICAL)
    assert stream.send(data, turned).frame_size == (HEIGHT, WIDTH)
    assert stream.send(data, dataclasses.replace(RGB, format=FrameFormat.BGR)).reused is None


@pytest.mark.parametrize("spec", [PNG, RGB], ids=["file", "raw"])
def test_noise_alone_is_no_change_and_a_small_object_is(unchanged: Stream, spec: FrameSpec) -> None:
    def encode(pixels: Pixels, seed: int) -> bytes:
        found = noisy(pixels, seed)
        return png(found) if spec is PNG else found.tobytes()

    frames = [encode(scene(at=50 if 3 <= seed < 6 else 0), seed) for seed in range(9)]
    found = unchanged.sources(*frames, spec=spec)
    assert found == [None, 0, 0, None, 3, 3, None, 6, 6]


def test_the_reason_of_a_picture_that_looks_the_same_is_unchanged(unchanged: Stream) -> None:
    unchanged.send(png(noisy(scene(), 1)))
    again = unchanged.send(png(noisy(scene(), 2)))
    assert again.reused == Reused(100, ReuseMode.UNCHANGED)
    assert set(again.seconds) == {Stage.DECODE, Stage.PREPROCESS}


def test_slow_changes_add_up_because_nothing_is_compared_with_a_reused_frame(
    shared_engine: Engine,
) -> None:
    stream = Stream(shared_engine, threshold=4.0)
    frames = [png(scene(lighter=lighter)) for lighter in range(13)]
    assert stream.sources(*frames) == [None, 0, 0, 0, 0, None, 5, 5, 5, 5, None, 10, 10]


def test_the_threshold_is_the_streams(shared_engine: Engine) -> None:
    frames = [png(scene()), png(scene(lighter=6))]
    assert Stream(shared_engine, threshold=5.9).sources(*frames) == [None, None]
    assert Stream(shared_engine, threshold=6.0).sources(*frames) == [None, 0]


def test_one_frame_of_thirty_is_computed_though_nothing_changes(either: Stream) -> None:
    either.stream = dataclasses.replace(either.stream, max_age=60.0)
    found = either.sources(*[ONE] * (2 * MAX_DISTANCE + 1))
    computed = [place for place, source in enumerate(found) if source is None]
    assert computed == [0, MAX_DISTANCE, 2 * MAX_DISTANCE]


class Clock:
    """Stands in for the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reuse, "time", clock)
    monkeypatch.setattr("edgesegd.engine.pipeline.time", clock)
    return clock


def test_an_unchanged_frame_is_computed_again_once_its_mask_is_too_old(
    shared_engine: Engine, clock: Clock
) -> None:
    stream = Stream(shared_engine, max_age=0.5)
    found = []
    for _ in range(6):
        found += stream.sources(ONE)
        clock.now += 0.2
    assert found == [None, 0, 0, None, 3, 3], "nor does a reused result make it younger"


def test_identical_bytes_have_the_same_result_however_old_it_is(
    shared_engine: Engine, clock: Clock
) -> None:
    stream = Stream(shared_engine, ReuseMode.IDENTICAL)
    stream.send(ONE)
    clock.now += 1e6
    assert stream.sources(ONE) == [0]


def test_streams_reuse_only_their_own_results(shared_engine: Engine) -> None:
    one = Stream(shared_engine)
    other = Stream(shared_engine, options=ResultOptions(frozenset({Output.LABELS_PNG})))
    assert one.sources(ONE) == other.sources(ONE) == [None]
    assert set(one.send(ONE).planes) == {Output.LABELS}
    assert set(other.send(ONE).planes) == {Output.LABELS_PNG}


def test_a_frame_outside_a_stream_that_reuses_is_always_computed(shared_engine: Engine) -> None:
    for _ in range(2):
        job = FrameJob(0, len(ONE), None, PNG, ResultOptions())
        assert run_frame(shared_engine, job, ONE).reused is None


def test_a_frame_of_another_size_is_computed_though_the_model_sees_the_same(
    shared_engine: Engine,
) -> None:
    stream = Stream(shared_engine, options=ResultOptions(size=SizeMode.FRAME))
    small, large = Image.new("RGB", (64, 48)), Image.new("RGB", (128, 96))
    assert stream.send(file_of(small, "PNG")).frame_size == (64, 48)
    found = stream.send(file_of(large, "PNG"))
    assert (found.reused, found.width, found.height) == (None, 128, 96)


def test_a_bad_or_late_frame_costs_only_itself_and_leaves_what_is_kept(unchanged: Stream) -> None:
    unchanged.send(ONE)
    with pytest.raises(InvalidFrame):
        unchanged.send(ONE[:300])
    with pytest.raises(Expired):
        unchanged.send(ONE, deadline=1.0)
    assert unchanged.sources(ONE) == [0]


def test_a_result_is_never_reused_for_a_frame_before_its_own(unchanged: Stream) -> None:
    unchanged.places = iter([5, 4, 6])  # type: ignore[assignment]
    assert unchanged.sources(ONE, ONE, ONE) == [None, None, 4]


def test_the_frame_before_counts_though_its_mask_is_not_made_yet(either: Stream) -> None:
    """As where a thread decodes a frame while another one is invoked."""
    pipeline, data = pipeline_of(either.engine), memoryview(ONE)
    first, second = either.job(ONE, PNG), either.job(ONE, PNG)
    decoded = [pipeline.decode_frame(first, data), pipeline.decode_frame(second, data)]
    assert [type(each) for each in decoded] == [PreparedFrame, PreparedFrame]
    invoked = [pipeline.invoke(first, decoded[0]), pipeline.invoke(second, decoded[1])]
    assert [type(each) for each in invoked] == [InvokedFrame, ReusedFrame]
    made = pipeline.make_mask(first, invoked[0])
    repeated = pipeline.make_mask(second, invoked[1])
    assert repeated.reused == Reused(100, ReuseMode.IDENTICAL)
    assert repeated.planes == made.planes


def test_a_result_that_could_not_be_made_fails_its_repeats_and_no_later_frame(
    model: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(make_engine(model))
    pipeline, data = pipeline_of(stream.engine), memoryview(ONE)
    first, second = stream.job(ONE, PNG), stream.job(ONE, PNG)
    decoded = [pipeline.decode_frame(first, data), pipeline.decode_frame(second, data)]
    invoked = [pipeline.invoke(first, decoded[0]), pipeline.invoke(second, decoded[1])]

    def fail(*_: object) -> FrameResult:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(stream.engine.encoder, "encode_mask", fail)
        with pytest.raises(MemoryError):
            pipeline.make_mask(first, invoked[0])
    with pytest.raises(InternalFault, match="frame before could not be made"):
        pipeline.make_mask(second, invoked[1])
    assert stream.sources(ONE, ONE) == [None, 2]


def test_nothing_is_reused_from_a_delegate_that_was_found_wrong(
    model: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(make_engine(model))
    stream.send(ONE)

    def found_wrong() -> None:
        raise EngineDistrusted("its masks are not the CPU's")

    monkeypatch.setattr(stream.engine.guard, "raise_if_rejected", found_wrong)
    with pytest.raises(EngineDistrusted):
        stream.send(ONE)


def test_a_stream_that_has_ended_is_kept_no_longer(unchanged: Stream) -> None:
    unchanged.send(ONE)
    unchanged.engine.kept.forget(unchanged.stream.number)
    assert unchanged.sources(ONE) == [None]


def kept_bytes(engine: Engine) -> Iterator[int]:
    return (kept.size for kept in engine.kept._kept.values())


def test_what_is_kept_of_all_streams_has_a_limit_and_the_oldest_goes_first(
    model: ModelSpec,
) -> None:
    probe = Stream(make_engine(model))
    probe.send(ONE)
    each = sum(kept_bytes(probe.engine))
    assert each > len(ONE)
    engine = make_engine(model, reuse_bytes=3 * each + each // 2)
    streams = [Stream(engine) for _ in range(3)]
    for stream in streams:
        assert stream.sources(ONE) == [None]
    assert streams[0].sources(ONE) == [0], "three fit, and the first is now the newest"
    late = Stream(engine)
    late.send(ONE)
    assert sum(kept_bytes(engine)) <= 3 * each + each // 2
    assert streams[1].sources(ONE) == [None], "it was used longest ago"
    assert late.sources(ONE) == [0]


def test_frames_larger_than_the_limit_are_computed(model: ModelSpec) -> None:
    engine = make_engine(model, reuse_bytes=1000)
    for mode in ReuseMode:
        assert Stream(engine, mode).sources(ONE, ONE) == [None, None]
    assert sum(kept_bytes(engine)) <= 1000


def test_with_no_memory_for_it_nothing_is_reused(model: ModelSpec) -> None:
    assert Stream(make_engine(model, reuse_bytes=0)).sources(ONE, ONE) == [None, None]


def test_the_bytes_of_large_frames_are_compared_to_the_end(shared_engine: Engine) -> None:
    stream = Stream(shared_engine, ReuseMode.IDENTICAL)
    data = scene().tobytes()
    assert len(data) > 2 * reuse.COMPARED_AT_ONCE
    last = data[:-1] + bytes([data[-1] ^ 1])
    assert stream.sources(data, last, last, spec=RGB) == [None, None, 1]
