"""One frame's way through an engine, with the real runtime and the built-in model."""

from __future__ import annotations

import dataclasses
import io
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.errors import Expired, InvalidFrame, InvokeFailed, ModelUnsupported
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import NO_CLASS, Output, ResizePolicy, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Stage
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.clock import StageClock
from edgesegd.engine.engine import Engine
from edgesegd.engine.runtimes.runtime import Runtime, load_runtime
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.rle import compress_rle
from edgesegd.ipc.messages import FrameJob
from edgesegd.models.spec import ModelSpec
from support.drawing import fill, iou, read_outlines
from support.frame_pipeline import run_frame
from support.pictures import file_of, gradient

pytestmark = pytest.mark.runtime

PICTURE = file_of(gradient(320, 200), "PNG")
MAX_PIXELS = 100_000
LIMITS: dict[str, Any] = {
    "max_pixels": MAX_PIXELS,
    "decode_seconds": 60.0,
    "max_result": 10_000_000,
}


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return load_runtime("auto")


@pytest.fixture(scope="session")
def engine(model: ModelSpec, runtime: Runtime) -> Engine:
    return Engine(model, runtime, DelegateSpec(), threads=1, **LIMITS)


def segment(
    engine: Engine,
    data: bytes = PICTURE,
    frame: FrameSpec = FrameSpec(FrameFormat.PNG),  # noqa: B008 # frozen
    deadline: float | None = None,
    **options: Any,  # noqa: ANN401 # as ResultOptions
) -> FrameResult:
    job = FrameJob(0, len(data), deadline, frame, ResultOptions(**options))
    return run_frame(engine, job, data)


def labels(result: FrameResult) -> Labels:
    plane = np.frombuffer(result.planes[Output.LABELS], np.uint8)
    return plane.reshape(result.height, result.width)


def by_hand(model: ModelSpec, runtime: Runtime, image: Image.Image) -> Labels:
    """What the textbook's few lines make of a picture."""
    interpreter = runtime.interpreter(model_path=str(model.path), num_threads=1)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    pixels = np.asarray(image.resize(model.input_size, Image.Resampling.BILINEAR), np.float64)
    if model.mean is not None and model.std is not None:
        pixels = (pixels - model.mean) / model.std
        if model.input.scale:
            pixels = np.rint(pixels / model.input.scale + model.input.zero_point).clip(0, 255)
    interpreter.set_tensor(taken["index"], pixels[None].astype(taken["dtype"]))
    interpreter.invoke()
    found: Labels = interpreter.get_tensor(given["index"])[0].argmax(-1).astype(np.uint8)
    return found


def test_an_engine_gives_the_labels_of_the_textbook(
    engine: Engine, model: ModelSpec, runtime: Runtime
) -> None:
    result = segment(engine)
    assert (result.width, result.height) == model.output_size
    assert result.frame_size == (320, 200)
    wanted = by_hand(model, runtime, gradient(320, 200))
    np.testing.assert_array_equal(labels(result), wanted)


def test_raw_pixels_and_their_file_give_the_same_result(engine: Engine) -> None:
    data = gradient(320, 200).tobytes()
    result = segment(engine, data, FrameSpec(FrameFormat.RGB, 320, 200, 960))
    assert result.planes == segment(engine).planes


def test_one_frame_leaves_nothing_behind_for_the_next(engine: Engine) -> None:
    before = segment(engine).planes
    other = file_of(Image.new("RGB", (50, 50), (255, 255, 255)), "PNG")
    segment(engine, other, resize=ResizePolicy.LETTERBOX, size=SizeMode.FRAME)
    assert segment(engine).planes == before


def test_an_engine_times_every_stage_of_a_frame(engine: Engine) -> None:
    seconds = segment(engine).seconds
    assert list(seconds) == [stage for stage in Stage if stage is not Stage.QUEUED]
    assert all(spent >= 0 for spent in seconds.values())
    assert seconds[Stage.INVOKE] > 0


def test_all_outputs_of_an_engine_agree(engine: Engine) -> None:
    result = segment(engine, outputs=frozenset(Output), size=SizeMode.FRAME)
    assert (result.width, result.height) == (320, 200)
    found = labels(result)
    png = Image.open(io.BytesIO(result.planes[Output.LABELS_PNG]))
    np.testing.assert_array_equal(np.asarray(png), found)
    scores = np.frombuffer(result.planes[Output.CONFIDENCE_MAP], np.uint8).reshape(found.shape)
    assert sum(each.area for each in result.segments) == found.size
    for each in result.segments:
        member = found == each.class_id
        assert each.area == member.sum()
        assert each.mean_confidence == pytest.approx(scores[member].mean() / 255, abs=0.003)
        assert each.rle is not None
        runs = np.frombuffer(each.rle, np.uint32)
        assert runs[1::2].sum() == each.area
        assert each.rle_compressed == compress_rle(runs)
        assert each.outlines is not None
        assert iou(fill(read_outlines(each.outlines), found.shape), member) >= 0.98


@pytest.mark.parametrize("policy", ResizePolicy)
def test_at_the_frames_size_only_crop_leaves_pixels_without_a_class(
    engine: Engine, policy: ResizePolicy
) -> None:
    found = labels(segment(engine, resize=policy, size=SizeMode.FRAME))
    assert (found == NO_CLASS).any() == (policy is ResizePolicy.CROP)


def test_a_frame_that_is_too_old_is_not_invoked(engine: Engine) -> None:
    with pytest.raises(Expired):
        segment(engine, deadline=time.monotonic() - 1)
    assert segment(engine, deadline=time.monotonic() + 3600).planes


@pytest.mark.parametrize("data", [PICTURE[:500], file_of(Image.new("L", (1000, 1000)), "PNG")])
def test_a_bad_frame_costs_only_itself(engine: Engine, data: bytes) -> None:
    with pytest.raises(InvalidFrame):
        segment(engine, data)
    assert segment(engine).planes


def test_an_engine_describes_what_was_loaded(engine: Engine, runtime: Runtime) -> None:
    ready = engine.describe()
    assert (ready.runtime, ready.delegate, ready.threads) == (str(runtime), "cpu", 1)


def test_warming_up_leaves_nothing_in_the_input(engine: Engine) -> None:
    assert engine.warm_up() > 0
    assert segment(engine).planes, "the input no longer has the tensor of the invoke"


def test_an_engine_chooses_its_threads_where_none_are_given(
    model: ModelSpec, runtime: Runtime
) -> None:
    engine = Engine(model, runtime, DelegateSpec(), threads=0, **LIMITS)
    assert engine.describe().threads == runtime.default_threads() >= 1


class FailingInterpreter:
    """The real one, but that an invoke fails after the warm-up."""

    def __init__(self, real: Any) -> None:  # noqa: ANN401 # untyped package
        self._real = real
        self.invokes = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # untyped package
        return getattr(self._real, name)

    def invoke(self) -> None:
        self.invokes += 1
        if self.invokes == 2:
            raise RuntimeError("the delegate is gone")
        self._real.invoke()


def test_a_failed_invoke_is_the_engines_failure(model: ModelSpec, runtime: Runtime) -> None:
    def failing(**options: object) -> FailingInterpreter:
        return FailingInterpreter(runtime.interpreter(**options))

    other = dataclasses.replace(runtime, interpreter=failing)
    engine = Engine(model, other, DelegateSpec(), threads=1, **LIMITS)
    engine.warm_up()
    with pytest.raises(InvokeFailed, match="invoke failed: the delegate is gone"):
        segment(engine)


def test_a_model_that_the_runtime_cannot_read_is_unsupported(
    model: ModelSpec, runtime: Runtime, tmp_path: Path
) -> None:
    path, content = tmp_path / "rooms.tflite", b"\0\0\0\0TFL3, but no model at all"
    path.write_bytes(content)
    broken = dataclasses.replace(
        model,
        path=path,
        sha256=sha256(content).hexdigest(),
        custom_ops=("SomethingOwn",),
        upsampling=None,
    )
    with pytest.raises(ModelUnsupported, match=r"cannot run rooms.tflite .*SomethingOwn") as caught:
        Engine(broken, runtime, DelegateSpec(), threads=1, **LIMITS)
    assert "\n" not in str(caught.value)


def test_stages_of_the_clock_are_consecutive() -> None:
    started = time.perf_counter()
    clock = StageClock()
    for stage in (Stage.DECODE, Stage.INVOKE, Stage.ENCODE):
        clock.end(stage)
    assert list(clock.seconds) == [Stage.DECODE, Stage.INVOKE, Stage.ENCODE]
    assert min(clock.seconds.values()) >= 0
    assert sum(clock.seconds.values()) <= time.perf_counter() - started
