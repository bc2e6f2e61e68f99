"""Finds the best TFLite runtime that is installed."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from edgesegd.board.system import IS_32_BIT, IS_ANDROID, IS_LINUX, is_glibc
from edgesegd.board.threads import thread_cap
from edgesegd.core.errors import DelegateFailed, DelegateMissing, RuntimeMissing
from edgesegd.engine.runtimes.installing import how_to_install
from edgesegd.engine.runtimes.xnnpack import QuantizedXnnpack, quantized_xnnpack

MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""Distributions in order of preference, and the modules of their Interpreter."""

COMPILING = "ai-edge-litert"

XNNPACK_OFF_BY_DEFAULT = "tflite-runtime 2.14."
XNNPACK_LIBRARY = "tflite_runtime._pywrap_tensorflow_interpreter_wrapper"
"""This runtime has XNNPACK off for quantized models, but its C extension exports the delegate."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed runtime: its distribution, its version and its entry points.

    `built_in_kernels` is the option of `interpreter` that leaves XNNPACK out.
    """

    name: str
    version: str
    interpreter: Any
    load_delegate: Any
    built_in_kernels: Any = None

    def __str__(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    def cpu_delegates(self, threads: int) -> list[QuantizedXnnpack]:
        """Delegates that make the CPU faster; only one runtime needs them."""
        if not str(self).startswith(XNNPACK_OFF_BY_DEFAULT):
            return []
        xnnpack = quantized_xnnpack(importlib.import_module(XNNPACK_LIBRARY).__file__, threads)
        return [] if xnnpack is None else [xnnpack]

    def compiled_model(self) -> Any:  # noqa: ANN401 # untyped package
        """The module that compiles models for GPUs.

        Raises DelegateMissing, or DelegateFailed if it cannot be imported, as beside an old numpy.
        """
        if self.name != COMPILING:
            raise DelegateMissing(f"{self} cannot use a GPU by itself; {COMPILING} can")
        try:
            return importlib.import_module("ai_edge_litert.compiled_model")
        except (ImportError, OSError, AttributeError) as error:
            raise DelegateFailed(
                f"{self} cannot load its path for GPUs with numpy {metadata.version('numpy')}: "
                f"{error}"
            ) from error

    def default_threads(self) -> int:
        """How many threads to serve with before anything was measured."""
        return thread_cap(self.name)


def load_runtime(wanted: str) -> Runtime:
    """Import the runtime `wanted`; with "auto", the first that can be imported.

    Raises RuntimeMissing, which says what to install.
    """
    failures = []
    for name in MODULES if wanted == "auto" else [wanted]:
        try:
            module = importlib.import_module(MODULES[name])
            version = metadata.version(name)
            kernels = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            return Runtime(name, version, module.Interpreter, module.load_delegate, kernels)
        except (ImportError, OSError, AttributeError) as error:  # numpy 2 under tflite-runtime
            failures.append(f"{name}: {error}")
    raise RuntimeMissing(
        f"no TFLite runtime can be imported ({'; '.join(failures)}); {_how_to_install_one()}"
    )


def _how_to_install_one() -> str:
    return how_to_install(
        python=sys.version_info[:2],
        is_32_bit=IS_32_BIT,
        is_android=IS_ANDROID,
        is_glibc=is_glibc() or not IS_LINUX,
    )
