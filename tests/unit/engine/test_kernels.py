"""The CPU's kernels: XNNPACK, or the built-in ones where it refuses a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgesegd.core.errors import ModelUnsupported
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.models.reading import read_model
from support.graph_writer import GraphWriter
from support.refused_by_xnnpack import refused_by_xnnpack

pytestmark = pytest.mark.runtime
RUNTIME = load_runtime("auto")


def test_a_model_that_xnnpack_refuses_is_run_by_the_built_in_kernels(tmp_path: Path) -> None:
    model = read_model(refused_by_xnnpack(tmp_path / "refused.tflite"))
    loaded = load_on_cpu(RUNTIME, model, 1)
    assert "XNNPACK refuses the model" in loaded.fallback
    assert "slower kernels run it" in loaded.fallback
    loaded.input()[:] = np.random.default_rng(1).integers(-128, 128, model.input.shape)
    loaded.invoke()
    assert len(np.unique(loaded.output())) > 1


def test_a_model_that_xnnpack_runs_needs_no_other_kernels(tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    graph = GraphWriter()
    path.write_bytes(graph.write(graph.scores()))
    path.with_suffix(".toml").write_text("[input]\nmean = 0\nstd = 1\n")
    assert load_on_cpu(RUNTIME, read_model(path), 1).fallback == ""


def test_a_model_that_no_kernels_run_is_reported_with_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "own.tflite"
    graph = GraphWriter()
    path.write_bytes(graph.write(graph.add("SomethingOwn", [graph.scores()], (1, 8, 8, 4))))
    path.with_suffix(".toml").write_text("[input]\nmean = 0\nstd = 1\n")
    with pytest.raises(ModelUnsupported, match="custom operators: SomethingOwn"):
        load_on_cpu(RUNTIME, read_model(path), 1)
