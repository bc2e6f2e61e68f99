"""Mutated models are refused with a reason, or described without contradiction."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import fuzz_models
import pytest

CASES = sorted((Path(__file__).parents[2] / "data" / "cases" / "models").glob("*.tflite"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_mutated_models_are_refused_or_described_without_contradiction(path: Path) -> None:
    """`make fuzz-models` makes a million of each."""
    original, found = path.read_bytes(), Counter[str]()
    faults = {seed: fuzz_models.try_copy(original, seed, found) for seed in range(500)}
    assert {seed: fault for seed, fault in faults.items() if fault} == {}
    assert found["refused"] > 0
    assert found.total() == 500


def test_a_mutation_is_made_again_from_its_seed() -> None:
    original = CASES[0].read_bytes()
    assert fuzz_models.mutate(original, 5) == fuzz_models.mutate(original, 5) != original
