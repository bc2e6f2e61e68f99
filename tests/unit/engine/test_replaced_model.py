"""A model's file that changes before a runtime has it is noticed."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.bench.naive import NaivePipeline
from edgesegd.core.errors import ModelInvalid, ModelMissing
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.content import content_to_run
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec

pytestmark = pytest.mark.runtime
LARGE = 30_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for file in resolve_model("builtin", tmp_path).parent.glob("scenes.t*"):
        shutil.copy(file, tmp_path / f"rooms{file.suffix}")
    return tmp_path / "rooms.tflite"


def on_cpu(model: ModelSpec) -> object:
    return load_on_cpu(load_runtime("auto"), model, 1)


def by_hand(model: ModelSpec) -> object:
    return NaivePipeline(model, 1)


@pytest.mark.parametrize("load", [on_cpu, by_hand])
@pytest.mark.parametrize("whole", [True, False])
def test_another_file_under_its_name_is_refused(
    path: Path, load: Callable[[ModelSpec], object], whole: bool
) -> None:
    """As good a model as the first, but its facts were never read."""
    model = read_model(path)
    if whole:
        model = replace(model, upsampling=None)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelInvalid, match=r"rooms\.tflite was replaced"):
        load(model)
    path.unlink()
    with pytest.raises(ModelMissing):
        load(model)


def test_a_path_that_is_not_utf_8_is_loaded(path: Path) -> None:
    odd = path.with_name(os.fsdecode(b"r\xe4ume.tflite"))
    path.rename(odd)
    path.with_suffix(".toml").rename(odd.with_suffix(".toml"))
    assert load_on_cpu(load_runtime("auto"), replace(read_model(odd), upsampling=None), 1)


def test_a_large_file_is_in_memory_once_and_once_more_where_it_is_shortened(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(LARGE))
    model = read_model(path)
    assert model.upsampling is not None
    for spec, copies in ((replace(model, upsampling=None), 1), (model, 2)):
        tracemalloc.start()
        content_to_run(spec)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < (copies + 0.5) * LARGE
