"""A model in an interpreter, run by the CPU or by a delegate."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np

from edgesegd.core.errors import (
    DelegateFailed,
    DelegateMissing,
    InvokeFailed,
    ModelInvalid,
    ModelUnsupported,
)
from edgesegd.delegates.locate import locate_library
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.runtimes.delegated_ops import count_delegated
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import InputTensor
from edgesegd.models.content import content_of_end, content_to_run
from edgesegd.models.spec import ModelSpec, Upsampling

CPU_ERRORS = (ValueError, RuntimeError, TypeError)
"""Errors of an interpreter that cannot run a model."""

LOAD_ERRORS = (OSError, AttributeError, ValueError, RuntimeError)
"""Errors of loading and applying a delegate: no library, no such symbol, refused, failed."""

NO_SUCH_FILE = "cannot open shared object file"
"""Message of Linux's dynamic linker for a library that does not exist."""

Interpreter = Any
"""The runtime's Interpreter, which is untyped."""
Library = Any
"""A delegate as the runtime's `load_delegate` returns it, which is untyped."""


class LoadedModel:
    """A model in an interpreter with its tensors allocated.

    The delegate runs `delegated` of the model's `operators`; both are 0 on the CPU. `fallback` is
    why the CPU runs without XNNPACK, "" if it does not. `input` and
    `output` return views of the interpreter's memory, which saves a copy. These views must not
    exist during the next `invoke`, so get new ones for each frame.
    """

    adapter = ""

    def __init__(
        self,
        interpreter: Interpreter,
        model: ModelSpec,
        *,
        delegated: int = 0,
        operators: int = 0,
        fallback: str = "",
    ) -> None:
        self.interpreter = interpreter
        self.delegated = delegated
        self.operators = operators
        self.fallback = fallback
        self._input_index = interpreter.get_input_details()[0]["index"]
        self._output_index = interpreter.get_output_details()[model.output_position]["index"]

    def input(self) -> InputTensor:
        """The tensor that frames are written into."""
        view: InputTensor = self.interpreter.tensor(self._input_index)()
        return view

    def invoke(self) -> None:
        """Run the model; after InvokeFailed the interpreter may hold stale data."""
        try:
            self.interpreter.invoke()
        except RuntimeError as error:
            raise InvokeFailed(f"invoke failed: {error}") from error

    def output(self) -> OutputTensor:
        """The tensor that holds the result of the last `invoke`."""
        view: OutputTensor = np.asarray(self.interpreter.tensor(self._output_index)())
        return view


def load_on_cpu(runtime: Runtime, model: ModelSpec, threads: int) -> LoadedModel:
    """Load the model on the runtime's CPU kernels: with XNNPACK, or else without it.

    XNNPACK refuses some models as a whole that the built-in kernels run, though more slowly. Raises
    ModelUnsupported.
    """
    content = content_to_run(model)
    try:
        interpreter = _interpreter(runtime, content, runtime.cpu_delegates(threads), threads)
        allocate(interpreter, model)
        return LoadedModel(interpreter, model)
    except CPU_ERRORS as error:
        refusal = error
    try:
        kernels = {"experimental_op_resolver_type": runtime.built_in_kernels}
        interpreter = _interpreter(runtime, content, [], threads, **kernels)
        allocate(interpreter, model)
    except CPU_ERRORS:
        missing = f" (custom operators: {', '.join(model.custom_ops)})" if model.custom_ops else ""
        raise ModelUnsupported(
            f"{runtime} cannot run {model.path.name}{missing}: {_first_line(refusal)}"
        ) from refusal
    why = f"XNNPACK refuses the model ({_first_line(refusal)}), so slower kernels run it"
    return LoadedModel(interpreter, model, fallback=why)


def allocate(interpreter: Interpreter, model: ModelSpec) -> None:
    """Allocate the tensors, for a model that takes any size after setting the size in use.

    Raises ModelInvalid if the model's output then has another shape than `model` says; and what the
    runtime raises.
    """
    image = interpreter.get_input_details()[0]
    is_resized = tuple(image["shape"]) != model.input.shape
    if is_resized:
        interpreter.resize_tensor_input(image["index"], model.input.shape)
    interpreter.allocate_tensors()
    shape = _output_shape(interpreter, model)
    if shape != model.run_output.shape and is_resized:  # it may be known only after an invoke
        interpreter.invoke()
        shape = _output_shape(interpreter, model)
    if shape != model.run_output.shape:
        raise ModelInvalid(
            f"the output of {model.path.name} is {shape}, not {model.run_output.shape}, for an "
            f"input of {model.input.shape}: write output.shape = [height, width] of the mask into "
            "its sidecar"
        )


def _output_shape(interpreter: Interpreter, model: ModelSpec) -> tuple[int, ...]:
    found = interpreter.get_output_details()[model.output_position]
    return tuple(int(each) for each in found["shape"])


def load_end_on_cpu(runtime: Runtime, model: ModelSpec, upsampling: Upsampling) -> LoadedModel:
    """Load the end of the graph that is cut off from `model`: from small scores to its output.

    Raises ModelUnsupported, and ModelInvalid if the file has changed.
    """
    content = content_of_end(model, upsampling)
    try:
        interpreter = _interpreter(runtime, content, runtime.cpu_delegates(1), 1)
        interpreter.allocate_tensors()
    except CPU_ERRORS as error:
        raise ModelUnsupported(
            f"{runtime} cannot run the end of {model.path.name} alone: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, dataclasses.replace(model, output_position=0))


def apply_library(
    runtime: Runtime, model: ModelSpec, delegate: DelegateSpec, library: Library, threads: int
) -> LoadedModel:
    """Load the model on a delegate whose library is loaded; raises DelegateFailed."""
    try:
        interpreter = _interpreter(runtime, content_to_run(model), [library], threads)
        # Count before the tensors are allocated, when the runtime adds the nodes of XNNPACK.
        delegated, operators = count_delegated(interpreter._get_ops_details())  # noqa: SLF001 # the only way to know
        if delegated == 0:
            raise DelegateFailed(f"{delegate.name} takes 0 of {operators} ops of {model.name}")
        allocate(interpreter, model)
    except LOAD_ERRORS as error:
        raise DelegateFailed(
            f"{delegate.name} refuses {model.name}: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, model, delegated=delegated, operators=operators)


def load_library(runtime: Runtime, delegate: DelegateSpec) -> Library:
    """Load the delegate's library: the first of its names that exists.

    Raises DelegateMissing or DelegateFailed.
    """
    missing = []
    for library in delegate.libraries:
        try:
            return runtime.load_delegate(library, dict(delegate.options))
        except OSError as error:
            why = _first_line(error)
            if library not in why or locate_library(library) is not None:
                raise DelegateFailed(f"{library} cannot be loaded: {_explain(why)}") from None
            missing.append(f"library not found: {library}")
        except AttributeError:
            raise DelegateFailed(
                f"{library} is not a TFLite delegate: it has no plugin entry"
            ) from None
        except (ValueError, RuntimeError) as error:
            reason = str(error).removeprefix(f"Failed to load delegate from {library}").strip()
            why = reason or "it gave no reason; is the device connected, and may this user open it?"
            raise DelegateFailed(f"{library} refuses to start: {why}") from error
    raise DelegateMissing("; ".join(missing))


def _explain(why: str) -> str:
    """The linker's error, corrected: for a file for another machine it says "no such file"."""
    library, _, rest = why.partition(": ")
    if NO_SUCH_FILE in rest and locate_library(library) is not None:
        return f"it is not for this machine, which is {platform.machine()}"
    return why


def _interpreter(
    runtime: Runtime,
    content: bytes,
    delegates: list[Any],
    threads: int,
    **kernels: Any,  # noqa: ANN401 # of the runtime
) -> Interpreter:
    return runtime.interpreter(
        model_content=content, num_threads=threads, experimental_delegates=delegates, **kernels
    )


def _first_line(error: Exception) -> str:
    """The first line of an error that is not empty."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
