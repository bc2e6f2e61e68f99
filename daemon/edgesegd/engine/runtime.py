"""The best TFLite runtime that is installed."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from edgesegd.core.errors import ModelUnsupported, RuntimeMissing
from edgesegd.core.model.spec import ModelSpec

MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""Distributions in the order of preference, and where their Interpreter is."""

MOST_THREADS = 4
"""More brought nothing on small models; boards with more cores have slow ones among them."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed runtime: its distribution, its version and its Interpreter class."""

    name: str
    version: str
    interpreter: Any

    def __str__(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    def default_threads(self) -> int:
        """How many threads serve best.

        tflite-runtime collapses (20 times slower) when another process wants the core of one of
        its threads, so it leaves one to the front.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        spare = 1 if self.name == "tflite-runtime" else 0
        return max(1, min(MOST_THREADS, (cores or 1) - spare))


def load_runtime(wanted: str) -> Runtime:
    """The runtime `wanted`, or with "auto" the first that can be imported.

    Raises RuntimeMissing, which says what to install.
    """
    failures = []
    for name in MODULES if wanted == "auto" else [wanted]:
        try:
            module = importlib.import_module(MODULES[name])
            return Runtime(name, metadata.version(name), module.Interpreter)
        except (ImportError, OSError, AttributeError) as error:  # numpy 2 under tflite-runtime
            failures.append(f"{name}: {error}")
    raise RuntimeMissing(
        f"no TFLite runtime can be imported ({'; '.join(failures)}); "
        "install one: pip install 'edgeseg[daemon]' or 'edgeseg[daemon-tflite]'"
    )


def load_interpreter(runtime: Runtime, model: ModelSpec, threads: int) -> Any:  # noqa: ANN401 # untyped package
    """An interpreter of `model` with its tensors allocated; raises ModelUnsupported."""
    try:
        interpreter = runtime.interpreter(model_path=str(model.path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        missing = f" (custom operators: {', '.join(model.custom_ops)})" if model.custom_ops else ""
        raise ModelUnsupported(
            f"{runtime} cannot run {model.path.name}{missing}: {_first_line(error)}"
        ) from error
    return interpreter


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
