"""Masks at the sizes that clients ask for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.options import NO_CLASS, Output, ResizePolicy, ResultOptions, SizeMode
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import Fit, Size, fit
from edgesegd.imaging.labels import Labels, OutputTensor, RealValues
from edgesegd.imaging.mask import Mask, PlainReader, read_mask
from edgesegd.imaging.preprocess import resize_picture
from edgesegd.models.spec import OutputKind, TensorSpec
from support.model_specs import model_spec
from support.pictures import noise

STRETCH, LETTERBOX, CROP = ResizePolicy
FRAME = ResultOptions(size=SizeMode.FRAME)
MODEL = ResultOptions(size=SizeMode.MODEL)


class GivenMask(PlainReader):
    """Reads a mask that is there already."""

    def __init__(self, mask: Mask) -> None:
        height, width = mask.labels.shape
        self.model = model_spec(
            output=TensorSpec("mask", (1, height, width, 2), "float32"),
            kind=OutputKind.PROBABILITIES,
        )
        super().__init__(self.model)
        self.mask = mask

    def own_labels(self, tensor: OutputTensor) -> Labels:
        return tensor.copy()

    def own_values(self, tensor: OutputTensor) -> RealValues:
        assert tensor is self.mask.labels
        assert self.mask.scores is not None
        return self.mask.scores[..., None]


def at_size(mask: Mask, placed: Fit, options: ResultOptions) -> Mask:
    outputs = {Output.LABELS} if mask.scores is None else {Output.LABELS, Output.CONFIDENCE_MAP}
    options = dataclasses.replace(options, outputs=frozenset(outputs))
    reader = GivenMask(mask)
    return read_mask(reader.model, reader, mask.labels, placed, options)


def custom(width: int, height: int) -> ResultOptions:
    return ResultOptions(size=SizeMode.CUSTOM, width=width, height=height)


def random_mask(width: int, height: int) -> Mask:
    pixels = noise(width, height, 2)
    return Mask(pixels[..., 0] // 2, (pixels[..., 1] / 255).astype(np.float32))


def labels(*rows: list[int]) -> Labels:
    return np.array(rows, np.uint8)


def test_at_the_models_size_a_stretched_mask_is_itself() -> None:
    mask = random_mask(6, 4)
    same = at_size(mask, fit((100, 50), (12, 8), STRETCH), MODEL)
    np.testing.assert_array_equal(same.labels, mask.labels)
    assert same.scores is not None
    np.testing.assert_array_equal(same.scores, mask.scores)


def test_a_mask_enlarged_by_whole_factors_repeats_its_pixels() -> None:
    mask = random_mask(6, 4)
    larger = at_size(mask, fit((18, 8), (12, 8), STRETCH), FRAME)
    np.testing.assert_array_equal(larger.labels, np.kron(mask.labels, np.ones((2, 3), np.uint8)))
    assert larger.scores is not None
    assert mask.scores is not None
    np.testing.assert_array_equal(larger.scores, np.kron(mask.scores, np.ones((2, 3), np.float32)))


def test_smaller_than_the_model_the_pixel_under_the_centre_is_shown() -> None:
    mask = Mask(np.arange(81, dtype=np.uint8).reshape(9, 9), None)
    smaller = at_size(mask, fit((900, 900), (9, 9), STRETCH), custom(3, 3))
    assert smaller.scores is None
    assert smaller.labels.tolist() == [[10, 13, 16], [37, 40, 43], [64, 67, 70]]


def test_letterbox_at_the_models_size_has_no_class_in_the_padding() -> None:
    """A frame of 2:1 in a square input lies in the middle half."""
    mask = random_mask(8, 8)
    shown = at_size(mask, fit((200, 100), (16, 16), LETTERBOX), MODEL)
    assert (shown.labels[:2] == NO_CLASS).all()
    assert (shown.labels[6:] == NO_CLASS).all()
    np.testing.assert_array_equal(shown.labels[2:6], mask.labels[2:6])
    assert shown.scores is not None
    assert mask.scores is not None
    assert not shown.scores[[0, 1, 6, 7]].any()
    np.testing.assert_array_equal(shown.scores[2:6], mask.scores[2:6])


def test_letterbox_at_the_frames_size_shows_the_whole_frame_and_no_padding() -> None:
    mask = random_mask(8, 8)
    shown = at_size(mask, fit((16, 8), (16, 16), LETTERBOX), FRAME)
    np.testing.assert_array_equal(
        shown.labels, np.kron(mask.labels[2:6], np.ones((2, 2), np.uint8))
    )


def test_crop_at_the_models_size_is_what_the_model_saw() -> None:
    mask = random_mask(8, 8)
    shown = at_size(mask, fit((200, 100), (16, 16), CROP), MODEL)
    np.testing.assert_array_equal(shown.labels, mask.labels)


def test_crop_at_the_frames_size_has_no_class_beside_the_middle() -> None:
    mask = random_mask(4, 4)
    shown = at_size(mask, fit((16, 8), (8, 8), CROP), FRAME)
    assert (shown.labels[:, :4] == NO_CLASS).all()
    assert (shown.labels[:, 12:] == NO_CLASS).all()
    np.testing.assert_array_equal(
        shown.labels[:, 4:12], np.kron(mask.labels, np.ones((2, 2), np.uint8))
    )
    assert shown.scores is not None
    assert not shown.scores[:, [0, 1, 2, 3, 12, 13, 14, 15]].any()


def test_a_custom_size_spans_the_frame_whatever_the_model_saw() -> None:
    """Half of the frame's width is cut off; at any size that is the outer half."""
    mask = Mask(np.full((8, 8), 3, np.uint8), None)
    shown = at_size(mask, fit((200, 100), (16, 16), CROP), custom(4, 2))
    assert shown.labels.tolist() == [[255, 3, 3, 255]] * 2


@pytest.mark.parametrize("policy", ResizePolicy)
@pytest.mark.parametrize("frame", [(640, 480), (300, 500), (257, 33), (64, 64)])
@pytest.mark.parametrize("model", [((257, 257), (257, 257)), ((128, 192), (33, 49))])
def test_an_object_is_labelled_where_it_is_in_the_frame(
    policy: ResizePolicy, frame: Size, model: tuple[Size, Size]
) -> None:
    """The whole way there and back, with a model that tells bright from dark."""
    (width, height), (model_input, model_output) = frame, model
    truth = np.zeros((height, width), np.uint8)
    truth[height // 5 : height * 3 // 5, width * 2 // 5 : width * 9 // 10] = 1
    picture = Picture(Image.fromarray(truth * 255).convert("RGB"), frame)
    placed = fit(frame, model_input, policy)
    seen = Image.fromarray(resize_picture(picture, placed)).convert("L")
    predicted = np.asarray(seen.resize(model_output, Image.Resampling.BILINEAR)) > 127
    shown = at_size(Mask(predicted.astype(np.uint8), None), placed, FRAME).labels
    assert shown.shape == truth.shape
    inside = np.zeros(truth.shape, bool)
    box = placed.source
    inside[
        round(box.top) : round(box.top + box.height), round(box.left) : round(box.left + box.width)
    ] = True
    # An edge of a pixel of the model's, at most, may be off where the crop ends within a pixel.
    assert (shown != NO_CLASS).sum() == pytest.approx(inside.sum(), abs=2 * max(frame))
    assert not (shown[~inside] != NO_CLASS).sum() > max(frame)
    assert (shown == NO_CLASS).any() == (not inside.all())
    both, either = ((shown == 1) & (truth == 1)).sum(), ((shown == 1) | (truth == 1) & inside).sum()
    cells = min(model_output)
    assert both / either > 1 - 16 / cells
    truth_box = np.argwhere((truth == 1) & inside)
    shown_box = np.argwhere(shown == 1)
    pixel = max(
        box.width / placed.target.width * model_input[0] / model_output[0],
        box.height / placed.target.height * model_input[1] / model_output[1],
    )
    np.testing.assert_allclose(shown_box.min(0), truth_box.min(0), atol=pixel + 1)
    np.testing.assert_allclose(shown_box.max(0), truth_box.max(0), atol=pixel + 1)


@pytest.mark.parametrize("policy", ResizePolicy)
def test_a_mask_of_another_size_shares_no_memory_with_the_models(policy: ResizePolicy) -> None:
    """What is made of it may be changed without changing what other sizes are made of."""
    mask = random_mask(8, 8)
    before = mask.labels.copy()
    at_size(mask, fit((20, 10), (8, 8), policy), FRAME).labels[:] = 99
    np.testing.assert_array_equal(mask.labels, before)


def test_labels_of_another_size_keep_their_type() -> None:
    shown = at_size(Mask(labels([1, 2], [3, 4]), None), fit((9, 7), (2, 2), LETTERBOX), FRAME)
    assert (shown.labels.dtype.name, shown.labels.shape) == ("uint8", (7, 9))
