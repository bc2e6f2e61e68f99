"""Masks from run lengths, against COCO's own decoder."""

import numpy as np
import pytest

from edgeseg_client.rle import decode_mask


def test_run_lengths_go_column_by_column_and_begin_with_zeros() -> None:
    mask = decode_mask([1, 2, 3], (2, 3))

    assert mask.dtype == np.bool_
    assert mask.tolist() == [[False, True, False], [True, False, False]]


def test_a_first_run_length_may_be_zero() -> None:
    assert decode_mask([0, 4], (2, 2)).all()


@pytest.mark.parametrize("counts", [[], [5], [3, 4]])
def test_run_lengths_that_do_not_fill_the_mask_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="do not fill"):
        decode_mask(counts, (2, 3))


@pytest.mark.parametrize("seed", range(5))
def test_run_lengths_are_decoded_as_pycocotools_does(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="pip install pycocotools")
    random = np.random.default_rng(seed)
    height, width = (int(size) for size in random.integers(1, 40, 2))
    mask = random.random((height, width)) < 0.3
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    counts = np.diff(np.flatnonzero(np.diff(flat)), prepend=0, append=height * width).tolist()

    theirs = coco.decode(
        coco.frPyObjects({"counts": counts, "size": [height, width]}, height, width)
    )
    assert np.array_equal(decode_mask(counts, (height, width)), theirs.astype(np.bool_))
    assert np.array_equal(theirs.astype(np.bool_), mask)
