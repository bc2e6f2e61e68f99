"""How frames lie in the model's input."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx  # noqa: PT013 # reads better in formulas

from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.geometry import Box, Size, fit

FRAMES = st.tuples(st.integers(1, 8000), st.integers(1, 8000))
INPUTS = st.tuples(st.integers(2, 1024), st.integers(2, 1024))


@given(FRAMES, INPUTS)
def test_stretch_fills_the_input_with_the_frame(frame: Size, model_input: Size) -> None:
    placed = fit(frame, model_input, ResizePolicy.STRETCH)
    assert placed.source == Box(0, 0, *frame)
    assert placed.target == Box(0, 0, *model_input)
    assert placed.decode_size == model_input


@given(FRAMES, INPUTS)
def test_letterbox_shows_the_whole_frame_in_the_middle(frame: Size, model_input: Size) -> None:
    placed = fit(frame, model_input, ResizePolicy.LETTERBOX)
    target = placed.target
    assert placed.source == Box(0, 0, *frame)
    assert target.left % 1 == target.top % 1 == 0
    assert list(placed.target_size) == [target.width, target.height]
    right = model_input[0] - target.left - target.width
    bottom = model_input[1] - target.top - target.height
    assert min(target.left, target.top, right, bottom) >= 0
    assert abs(target.left - right) <= 1
    assert abs(target.top - bottom) <= 1


@given(FRAMES, INPUTS)
def test_letterbox_keeps_the_aspect_ratio(frame: Size, model_input: Size) -> None:
    placed = fit(frame, model_input, ResizePolicy.LETTERBOX)
    assert placed.target_size[0] == model_input[0] or placed.target_size[1] == model_input[1]
    scale = min(model_input[0] / frame[0], model_input[1] / frame[1])
    for length, side in zip(placed.target_size, frame, strict=True):
        assert length >= 1
        assert length == 1 or abs(length - side * scale) <= 0.5 + 1e-6
    assert placed.decode_size == placed.target_size


@given(FRAMES, INPUTS)
def test_crop_fills_the_input_with_the_middle_of_the_frame(frame: Size, model_input: Size) -> None:
    placed = fit(frame, model_input, ResizePolicy.CROP)
    source = placed.source
    assert placed.target == Box(0, 0, *model_input)
    assert source.left >= 0
    assert source.top >= 0
    assert source.left + source.width / 2 == approx(frame[0] / 2)
    assert source.top + source.height / 2 == approx(frame[1] / 2)
    assert source.width == approx(frame[0]) or source.height == approx(frame[1])
    assert source.width / source.height == approx(model_input[0] / model_input[1])


@given(FRAMES, INPUTS, st.sampled_from(ResizePolicy))
def test_at_the_decode_size_nothing_is_enlarged(
    frame: Size, model_input: Size, policy: ResizePolicy
) -> None:
    placed = fit(frame, model_input, policy)
    for decoded, side, source, target in zip(
        placed.decode_size,
        frame,
        (placed.source.width, placed.source.height),
        placed.target_size,
        strict=True,
    ):
        pixels_of_the_source = source * decoded / side
        assert pixels_of_the_source >= target - 0.5 * source / side - 1e-6


def test_a_frame_of_the_models_aspect_ratio_is_placed_alike_by_every_policy() -> None:
    placed = {fit((640, 480), (320, 240), policy) for policy in ResizePolicy}
    assert len(placed) == 1
