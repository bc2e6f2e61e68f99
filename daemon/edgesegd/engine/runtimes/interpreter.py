"""A model in an interpreter, run by the CPU or by a delegate."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np

from edgesegd.core.errors import DelegateFailed, DelegateMissing, InvokeFailed, ModelUnsupported
from edgesegd.delegates.locate import locate_library
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.runtimes.delegated_ops import count_claimed
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import InputTensor
from edgesegd.models.content import content_of_end, content_to_run
from edgesegd.models.spec import ModelSpec, Upsampling

LOAD_ERRORS = (OSError, AttributeError, ValueError, RuntimeError)
"""What loading and applying a delegate raises: no library, no such symbol, refused, failed."""

NO_SUCH_FILE = "cannot open shared object file"
"""What Linux's dynamic linker says of a library that is not there."""

Interpreter = Any
"""The runtime's own; untyped there."""
Library = Any
"""A delegate as the runtime's `load_delegate` gives it; untyped there."""


class LoadedModel:
    """A model in an interpreter with its tensors allocated.

    `delegated` of the model's `operators` are run by the delegate; both are 0 on the CPU. What
    `input` and `output` give lies in the interpreter's memory: that saves a copy, and it must be
    gone before the next `invoke`, so it is asked for anew for each frame.
    """

    adapter = ""

    def __init__(
        self, interpreter: Interpreter, model: ModelSpec, *, delegated: int = 0, operators: int = 0
    ) -> None:
        self.interpreter = interpreter
        self.delegated = delegated
        self.operators = operators
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
    """The model on the runtime's own kernels; raises ModelUnsupported."""
    try:
        delegates = runtime.cpu_delegates(threads)
        interpreter = _interpreter(runtime, content_to_run(model), delegates, threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, TypeError) as error:
        missing = f" (custom operators: {', '.join(model.custom_ops)})" if model.custom_ops else ""
        raise ModelUnsupported(
            f"{runtime} cannot run {model.path.name}{missing}: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, model)


def load_end_on_cpu(runtime: Runtime, model: ModelSpec, upsampling: Upsampling) -> LoadedModel:
    """The end of the graph that is left out of `model`: from small scores to its output.

    Raises ModelUnsupported, and ModelInvalid where the file is another by now.
    """
    content = content_of_end(model, upsampling)
    try:
        interpreter = _interpreter(runtime, content, runtime.cpu_delegates(1), 1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, TypeError) as error:
        raise ModelUnsupported(
            f"{runtime} cannot run the end of {model.path.name} alone: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, dataclasses.replace(model, output_position=0))


def apply_library(
    runtime: Runtime, model: ModelSpec, delegate: DelegateSpec, library: Library, threads: int
) -> LoadedModel:
    """The model on a delegate that is loaded; raises DelegateFailed."""
    try:
        interpreter = _interpreter(runtime, content_to_run(model), [library], threads)
        # Before the tensors are allocated: then the runtime adds what XNNPACK takes.
        delegated, operators = count_claimed(interpreter._get_ops_details())  # noqa: SLF001 # the only way to know
        if delegated == 0:
            raise DelegateFailed(f"{delegate.name} claims 0 of {operators} ops of {model.name}")
        interpreter.allocate_tensors()
    except LOAD_ERRORS as error:
        raise DelegateFailed(
            f"{delegate.name} refuses {model.name}: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, model, delegated=delegated, operators=operators)


def load_library(runtime: Runtime, delegate: DelegateSpec) -> Library:
    """The delegate's library, the first of its names that is there.

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
                f"{library} is no TFLite delegate: it has no plugin entry"
            ) from None
        except (ValueError, RuntimeError) as error:
            reason = str(error).removeprefix(f"Failed to load delegate from {library}").strip()
            why = reason or "it gave no reason; is the device there, and may this user open it?"
            raise DelegateFailed(f"{library} refuses to start: {why}") from error
    raise DelegateMissing("; ".join(missing))


def _explain(why: str) -> str:
    """What the dynamic linker says; of a file for another machine it says that it is not there."""
    library, _, rest = why.partition(": ")
    if NO_SUCH_FILE in rest and locate_library(library) is not None:
        return f"it is not for this machine, which is {platform.machine()}"
    return why


def _interpreter(runtime: Runtime, content: bytes, delegates: list[Any], threads: int) -> Any:  # noqa: ANN401
    return runtime.interpreter(
        model_content=content, num_threads=threads, experimental_delegates=delegates
    )


def _first_line(error: Exception) -> str:
    """The first line that says something."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
