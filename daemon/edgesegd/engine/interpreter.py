"""A model in an interpreter, run by the CPU or by a delegate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.core.errors import DelegateFailed, ModelUnsupported
from edgesegd.core.model.spec import ModelSpec
from edgesegd.engine.runtime import Runtime

LOAD_ERRORS = (OSError, AttributeError, ValueError, RuntimeError)
"""What loading and applying a delegate raises: no library, no such symbol, refused, failed."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An interpreter with its tensors allocated.

    `delegated` of `operators` nodes of the graph as it was loaded are the delegate's, each of them
    one or more of the model's operators; 0 on the CPU, where kernels are chosen later.
    """

    interpreter: Any
    delegated: int
    operators: int


def load_model(
    runtime: Runtime, model: ModelSpec, delegate: DelegateSpec, threads: int
) -> LoadedModel:
    """The model, ready to be invoked.

    Raises DelegateFailed where the delegate cannot be loaded, refuses the model or takes nothing
    of it; ModelUnsupported where the CPU cannot run it.
    """
    if delegate.is_cpu:
        interpreter = _build(runtime, model, runtime.cpu_delegates(threads), threads)
        return LoadedModel(interpreter, 0, 0)
    loaded = load_library(runtime, delegate)
    try:
        interpreter = _interpreter(runtime, model, [loaded], threads)
        names = [operator["op_name"] for operator in interpreter._get_ops_details()]  # noqa: SLF001 # the only way to know
        if "DELEGATE" not in names:
            raise DelegateFailed(f"{delegate.name} claims 0 of {len(names)} ops of {model.name}")
        interpreter.allocate_tensors()
    except LOAD_ERRORS as error:
        raise DelegateFailed(
            f"{delegate.name} refuses {model.name}: {_first_line(error)}"
        ) from error
    return LoadedModel(interpreter, names.count("DELEGATE"), len(names))


def load_library(runtime: Runtime, delegate: DelegateSpec) -> Any:  # noqa: ANN401 # untyped package
    """The delegate's library, the first of its names that can be loaded; raises DelegateFailed."""
    missing = []
    for library in delegate.libraries:
        try:
            return runtime.load_delegate(library, dict(delegate.options))
        except OSError as error:
            missing.append(f"library not found: {library} ({_first_line(error)})")
        except AttributeError:
            raise DelegateFailed(
                f"{library} is no TFLite delegate: it has no plugin entry"
            ) from None
        except (ValueError, RuntimeError) as error:
            reason = _first_line(error).removeprefix(f"Failed to load delegate from {library}")
            why = reason or "it gave no reason; is the device there, and may this user open it?"
            raise DelegateFailed(f"{library} refuses to start: {why}") from error
    raise DelegateFailed("; ".join(missing))


def _build(runtime: Runtime, model: ModelSpec, delegates: list[Any], threads: int) -> Any:  # noqa: ANN401
    try:
        interpreter = _interpreter(runtime, model, delegates, threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        missing = f" (custom operators: {', '.join(model.custom_ops)})" if model.custom_ops else ""
        raise ModelUnsupported(
            f"{runtime} cannot run {model.path.name}{missing}: {_first_line(error)}"
        ) from error
    return interpreter


def _interpreter(runtime: Runtime, model: ModelSpec, delegates: list[Any], threads: int) -> Any:  # noqa: ANN401
    return runtime.interpreter(
        model_path=str(model.path), num_threads=threads, experimental_delegates=delegates
    )


def _first_line(error: Exception) -> str:
    """The first line that says something."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
