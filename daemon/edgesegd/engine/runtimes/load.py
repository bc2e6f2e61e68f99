"""Loads a model with the delegate that should run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.runtimes.gpu import load_on_gpu
from edgesegd.engine.runtimes.interpreter import apply_library, load_library, load_on_cpu
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import InputTensor
from edgesegd.models.spec import ModelSpec


class RunnableModel(Protocol):
    """A model that is ready to be invoked, on any delegate.

    The delegate runs `delegated` of the model's `operators`; both are 0 on the CPU, and if they are
    not known. `adapter` is the GPU that runs the model, if one does. `fallback` is why the CPU runs
    without XNNPACK, "" if it does not.
    """

    @property
    def delegated(self) -> int:
        """How many operators of the model the delegate runs."""

    @property
    def operators(self) -> int:
        """How many operators the model has."""

    @property
    def adapter(self) -> str:
        """The GPU."""

    @property
    def fallback(self) -> str:
        """Why the CPU runs without XNNPACK."""

    def input(self) -> InputTensor:
        """The tensor that frames are written into."""

    def invoke(self) -> None:
        """Run the model; after InvokeFailed its tensors may hold stale data."""

    def output(self) -> OutputTensor:
        """The result of the last `invoke`, valid until the next."""


def load_model(
    runtime: Runtime,
    model: ModelSpec,
    delegate: DelegateSpec,
    threads: int,
    *,
    enter: Callable[[str], None] = lambda _stage: None,
) -> RunnableModel:
    """Load the model; calls `enter` with each stage before it begins.

    Raises DelegateMissing if there is no library, DelegateFailed if the delegate cannot be loaded,
    refuses the model or runs none of its operators, ModelUnsupported if the CPU cannot run it.
    """
    enter("create")
    if delegate.is_cpu:
        return load_on_cpu(runtime, model, threads)
    if delegate.built_in:
        return load_on_gpu(runtime, model)
    library = load_library(runtime, delegate)
    enter("prepare")
    return apply_library(runtime, model, delegate, library, threads)
