"""Damaged files: a sentence that says so, soon, and never another error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model
from edgesegd.models.tflite.file import parse_tflite
from edgesegd.models.tflite.flatbuffer import Malformed

GOLDEN = Path(__file__).parent / "data" / "with_metadata.tflite"


def damaged_copies(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies with one to thirty bytes overwritten, half of them among the first 4 KiB."""
    numbers = random.Random(seed)
    for at in range(count):
        copy = bytearray(data)
        reach = len(copy) if at % 2 else min(len(copy), 4096)
        for _ in range(numbers.choice([1, 1, 3, 30])):
            copy[numbers.randrange(reach)] = numbers.choice([0, 0xFF, numbers.randrange(256)])
        yield bytes(copy)


def refusal_of(path: Path) -> ModelInvalid | None:
    try:
        read_model(path)
    except ModelInvalid as refusal:
        return refusal
    return None


def refusals(path: Path, contents: Iterator[bytes]) -> int:
    """How many of the contents are refused as they should be; any other error comes through."""
    count = 0
    for content in contents:
        path.write_bytes(content)
        if refusal := refusal_of(path):
            assert type(refusal) is ModelInvalid
            assert str(refusal).startswith(str(path))
            count += 1
    return count


def test_a_model_with_metadata_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data = GOLDEN.read_bytes()
    cuts = (data[:length] for length in range(len(data)))
    assert refusals(tmp_path / "cut.tflite", cuts) == len(data)


@pytest.mark.parametrize("seed", range(4))
def test_a_model_with_metadata_and_wrong_bytes_never_crashes(tmp_path: Path, seed: int) -> None:
    copies = damaged_copies(GOLDEN.read_bytes(), 1000, seed)
    assert refusals(tmp_path / "damaged.tflite", copies) > 500


def test_the_builtin_model_with_wrong_bytes_never_crashes(tmp_path: Path) -> None:
    data = resolve_model("builtin", tmp_path).read_bytes()
    assert refusals(tmp_path / "damaged.tflite", damaged_copies(data, 300, seed=5)) > 100


def real_models(shared_dir: Path) -> list[Path]:
    found = sorted((shared_dir / "models").glob("*.tflite"))
    assert found
    return found


@pytest.mark.realmodel
def test_real_models_with_wrong_bytes_never_crash(shared_dir: Path) -> None:
    for path in real_models(shared_dir):
        refused = 0
        for copy in damaged_copies(path.read_bytes(), 150, seed=6):
            try:
                parse_tflite(copy)
            except Malformed:
                refused += 1
        assert refused > 0


@pytest.mark.realmodel
def test_real_models_cut_off_are_refused(shared_dir: Path) -> None:
    numbers = random.Random(7)
    for path in real_models(shared_dir):
        data = path.read_bytes()
        # Nothing refers to the last 8 bytes of one of the files.
        cuts = [*range(9, 40), *(numbers.randrange(40, len(data)) for _ in range(100))]
        for cut in cuts:
            with pytest.raises(Malformed):
                parse_tflite(data[:-cut])
