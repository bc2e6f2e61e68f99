"""Tensors in and out: a client's own numbers for the model, and the model's own output."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesegd.core.errors import (
    EngineDistrusted,
    InternalFault,
    InvalidFrame,
    InvalidOptions,
    OutputConstant,
)
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import Output, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.engine import Engine
from edgesegd.engine.guard.drift import take_the_same
from edgesegd.engine.guard.output_guard import CheckedOutput
from edgesegd.engine.runtimes.runtime import Runtime, load_runtime
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.preprocess import Preprocessor, resize_picture
from edgesegd.ipc.messages import FrameJob
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec
from support.frame_pipeline import run_frame
from support.pictures import file_of, gradient
from support.upsampling_model import ALIGN, HALF, PLAIN, Head, upsampling_model

pytestmark = pytest.mark.runtime
RUNTIME: Runtime = load_runtime("auto")
TENSOR = FrameSpec(FrameFormat.TENSOR)
BOTH = frozenset({Output.LABELS, Output.OUTPUT_TENSOR})
Values = npt.NDArray[Any]


def engine_of(model: ModelSpec, max_result: int = 50_000_000) -> Engine:
    return Engine(
        model,
        RUNTIME,
        DelegateSpec(),
        threads=1,
        max_pixels=1_000_000,
        decode_seconds=60.0,
        max_result=max_result,
    )


def segment(engine: Engine, frame: FrameSpec, data: bytes, **options: Any) -> FrameResult:  # noqa: ANN401 # as ResultOptions
    job = FrameJob(0, len(data), None, frame, ResultOptions(**{"outputs": BOTH, **options}))
    return run_frame(engine, job, data)


def interpreted(model: ModelSpec, values: Values) -> Values:
    """What an interpreter of the whole file gives."""
    interpreter = RUNTIME.interpreter(
        model_content=model.path.read_bytes(),
        num_threads=1,
        experimental_delegates=RUNTIME.cpu_delegates(1),
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    output = interpreter.get_output_details()[model.output_position]
    return np.asarray(interpreter.get_tensor(output["index"]))


def output_tensor(model: ModelSpec, result: FrameResult) -> Values:
    plane = result.planes[Output.OUTPUT_TENSOR]
    assert len(plane) == model.output.size
    return np.frombuffer(plane, model.output.dtype).reshape(model.output.shape)


def tensor_of(model: ModelSpec, seed: int = 0) -> Values:
    """Pixels as the model takes them."""
    pixels = np.random.default_rng(seed).integers(0, 256, model.input.shape[1:], np.uint8)
    tensor = np.empty(model.input.shape, model.input.dtype)
    Preprocessor(model).to_tensor(pixels, tensor)
    return tensor


heads = st.builds(
    Head,
    small=st.tuples(st.integers(2, 12), st.integers(2, 12)),
    large=st.tuples(st.integers(13, 60), st.integers(13, 60)),
    flags=st.sampled_from([ALIGN, HALF, PLAIN]),
    classes=st.integers(2, 6),
    dtype=st.sampled_from(["float32", "uint8", "int8"]),
    identities=st.integers(0, 2),
    after=st.sampled_from([(), ("ARG_MAX",)]),
    labels=st.sampled_from(["int32", "int64"]),
).filter(
    lambda head: (
        abs(head.large[0] * head.small[1] - head.large[1] * head.small[0]) <= sum(head.small)
    )
)


@settings(max_examples=60, deadline=None)
@given(heads, st.integers(0, 1000))
def test_the_output_made_of_small_scores_is_the_interpreters_bit_for_bit(
    head: Head, seed: int
) -> None:
    weights = np.random.default_rng(seed).normal(0, 3, (head.classes, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        model = read_model(upsampling_model(Path(folder), head, weights))
        assert model.upsampling is not None
        values = tensor_of(model, seed)
        result = segment(engine_of(model), TENSOR, values.tobytes())
        np.testing.assert_array_equal(output_tensor(model, result), interpreted(model, values))


def test_so_is_that_of_one_class_whose_probability_comes_after_the_resize(tmp_path: Path) -> None:
    head = Head(classes=1, after=("LOGISTIC",))
    weights = np.random.default_rng(4).normal(0, 3, (1, 3)).astype(np.float32)
    model = read_model(upsampling_model(tmp_path, head, weights))
    assert model.upsampling is not None
    assert model.upsampling.sigmoid
    values = tensor_of(model)
    result = segment(engine_of(model), TENSOR, values.tobytes())
    np.testing.assert_array_equal(output_tensor(model, result), interpreted(model, values))


@pytest.mark.realmodel
@pytest.mark.parametrize("name", ["deeplabv3_257_mv_gpu", "deeplabv3_mnv2_dm05_pascal_quant"])
def test_so_is_that_of_real_models(shared_dir: Path, name: str) -> None:
    model = read_model(shared_dir / "models" / f"{name}.tflite")
    assert model.upsampling is not None
    values = tensor_of(model)
    engine = engine_of(model)
    for _ in range(2):
        result = segment(engine, TENSOR, values.tobytes())
        np.testing.assert_array_equal(output_tensor(model, result), interpreted(model, values))


def test_a_tensor_gives_what_its_picture_gives(model: ModelSpec) -> None:
    engine, picture = engine_of(model), gradient(320, 200)
    placed = fit(picture.size, model.input_size, ResultOptions().resize)
    tensor = np.empty(model.input.shape, model.input.dtype)
    Preprocessor(model).to_tensor(resize_picture(Picture(picture, picture.size), placed), tensor)
    given = segment(engine, TENSOR, tensor.tobytes())
    wanted = segment(engine, FrameSpec(FrameFormat.PNG), file_of(picture, "PNG"))
    assert given.planes == wanted.planes
    assert given.frame_size == model.input_size


def test_masks_of_a_tensor_have_any_size(model: ModelSpec) -> None:
    tensor = tensor_of(model).tobytes()
    engine = engine_of(model)
    result = segment(engine, TENSOR, tensor, size=SizeMode.CUSTOM, width=31, height=17)
    assert len(result.planes[Output.LABELS]) == 31 * 17
    result = segment(engine, TENSOR, tensor, size=SizeMode.FRAME)
    assert (result.width, result.height) == model.input_size


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_tensor_that_holds_no_numbers_is_refused_and_the_next_works(
    model: ModelSpec, number: float
) -> None:
    tensor = tensor_of(model).astype(np.float32)
    if model.input.dtype != "float32":
        pytest.skip("its input holds whole numbers")
    engine, wanted = engine_of(model), tensor.tobytes()
    before = segment(engine, TENSOR, wanted).planes
    tensor[0, 3, 3, 0] = number
    with pytest.raises(InvalidFrame, match="infinite or NaN"):
        segment(engine, TENSOR, tensor.tobytes())
    assert segment(engine, TENSOR, wanted).planes == before


def test_a_tensor_of_another_size_is_refused(model: ModelSpec) -> None:
    with pytest.raises(InvalidFrame, match=f"{model.input.size:,} bytes"):
        segment(engine_of(model), TENSOR, tensor_of(model).tobytes()[:-1])


def test_a_tensor_beyond_any_picture_does_not_make_a_delegate_look_wrong(tmp_path: Path) -> None:
    """A client could else have an honest delegate replaced."""
    head = Head()
    model = read_model(upsampling_model(tmp_path, head, np.ones((4, 3), np.float32)))
    engine = engine_of(model)
    engine.guard = CheckedOutput(model, None)
    constant = np.full(model.input.shape, 7.0, np.float32)
    with pytest.raises(OutputConstant):  # a picture could have these
        segment(engine, TENSOR, constant.tobytes())
    constant[:] = -1e30
    planes = segment(engine, TENSOR, constant.tobytes()).planes
    assert set(planes) == BOTH
    assert issubclass(OutputConstant, EngineDistrusted)


def test_tensors_are_compared_only_with_a_reference_that_takes_the_same(model: ModelSpec) -> None:
    assert take_the_same(model, model)
    other = dataclasses.replace(model.input, scale=0.5, zero_point=3, dtype="uint8")
    assert not take_the_same(model, dataclasses.replace(model, input=other))


def test_the_output_counts_in_the_size_of_a_result(model: ModelSpec) -> None:
    engine = engine_of(model, max_result=model.output.size + 1000)
    picture = file_of(gradient(40, 30), "PNG")
    with pytest.raises(InvalidOptions, match=f"own output {model.output.size:,}"):
        segment(engine, FrameSpec(FrameFormat.PNG), picture, size=SizeMode.FRAME)
    assert segment(
        engine,
        FrameSpec(FrameFormat.PNG),
        picture,
        size=SizeMode.FRAME,
        outputs=frozenset({Output.LABELS}),
    ).planes


def test_a_file_that_was_replaced_costs_the_frame_that_wants_its_end(tmp_path: Path) -> None:
    head = Head()
    weights = np.random.default_rng(4).normal(0, 3, (4, 3)).astype(np.float32)
    model = read_model(upsampling_model(tmp_path, head, weights))
    engine, tensor = engine_of(model), tensor_of(model).tobytes()
    content = model.path.read_bytes()
    model.path.write_bytes(content[:-1])
    with pytest.raises(InternalFault, match="cannot be computed"):
        segment(engine, TENSOR, tensor)
    assert segment(engine, TENSOR, tensor, outputs=frozenset({Output.LABELS})).planes
    model.path.write_bytes(content)
    assert segment(engine, TENSOR, tensor).planes
