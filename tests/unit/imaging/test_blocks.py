"""The largest difference of a block."""

from __future__ import annotations

import numpy as np
import pytest

from edgesegd.imaging.blocks import BLOCK, largest_block_difference
from support.pictures import noise


@pytest.mark.parametrize("size", [(64, 64), (257, 257), (33, 40), (8, 8), (5, 70), (3, 2)])
def test_a_change_of_one_block_is_found_wherever_it_is(size: tuple[int, int]) -> None:
    width, height = size
    tall, wide = min(BLOCK, height), min(BLOCK, width)
    before = noise(width, height) // 2
    for top in {0, height - tall, height // 2 // tall * tall}:
        for left in {0, width - wide, width // 2 // wide * wide}:
            after = before.copy()
            after[top : top + tall, left : left + wide] += 100
            assert largest_block_difference(before, after) == 100
            assert largest_block_difference(after, before) == 100


def test_every_pixel_counts_in_some_block() -> None:
    before = np.zeros((19, 21, 3), np.uint8)
    for row in range(19):
        for column in range(21):
            after = before.copy()
            after[row, column, 1] = 192
            assert largest_block_difference(before, after) == 1.0


def test_a_pattern_that_moved_differs_though_its_mean_does_not() -> None:
    before = np.zeros((16, 16, 3), np.uint8)
    before[:, ::2] = 200
    assert largest_block_difference(before, np.roll(before, 1, axis=1)) == 200
    assert largest_block_difference(before, before) == 0


def test_noise_over_the_whole_picture_differs_less_than_a_small_object() -> None:
    rng = np.random.default_rng(1)
    before = np.full((256, 256, 3), 100, np.uint8)
    noisy = (before + rng.normal(0, 3, before.shape)).round().astype(np.uint8)
    changed = before.copy()
    changed[50:54, 61:65] += 60
    assert np.abs(noisy.astype(int) - before).mean() > np.abs(changed.astype(int) - before).mean()
    assert largest_block_difference(before, noisy) < 4 < largest_block_difference(before, changed)
