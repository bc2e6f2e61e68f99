"""ai-edge-litert's own GPU path: its CompiledModel, on Vulkan.

CompiledModel holds the GIL while it runs, so only engines and trials use it, and never for the CPU.
It writes only to stderr which adapter it uses, or why it found none.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from edgesegd.core.errors import DelegateFailed, DelegateMissing, InvokeFailed
from edgesegd.engine.runtimes.captured_stderr import capture_stderr
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import InputTensor
from edgesegd.models.content import content_to_run
from edgesegd.models.spec import ModelSpec

ADAPTER = re.compile(r"Selected adapter: (?P<name>.*?), arch=.*adapterType=(?P<kind>.*)")
REASON = re.compile(
    r"Couldn't load Vulkan: [^\n:]+|No adapters found|Vulkan \S+ required|[^\n:]*not accelerated"
)
"""The lines of its output that give a reason, among many that do not."""
NO_GPU = "No adapters found"
SIGNATURE = 0


class GpuModel:
    """A model compiled for the GPU, as a RunnableModel.

    `adapter` is the GPU and its kind, as Dawn names them. `delegated` and `operators` are 0,
    because CompiledModel does not report them; it refuses a model that it cannot run completely.
    """

    delegated = operators = 0

    def __init__(
        self,
        compiled: Any,  # noqa: ANN401 # untyped package
        model: ModelSpec,
        content: bytes,
        adapter: str,
    ) -> None:
        self.adapter = adapter
        self.fallback = ""
        self._content = content  # `compiled` reads it in place
        self._compiled = compiled
        self._inputs = compiled.create_input_buffers(SIGNATURE)
        self._outputs = compiled.create_output_buffers(SIGNATURE)
        names = compiled.get_signature_by_index(SIGNATURE)["outputs"]
        output = model.run_output
        position = names.index(output.name) if output.name in names else model.output_position
        self._output_buffer = self._outputs[position]
        self._input = np.zeros(model.input.shape, model.input.dtype)
        self._output: OutputTensor = np.zeros(output.shape, output.dtype)

    def input(self) -> InputTensor:
        """The tensor that frames are written into."""
        return self._input

    def invoke(self) -> None:
        """Run the model and wait for its output."""
        try:
            self._inputs[0].write(self._input)
            self._compiled.run_by_index(SIGNATURE, self._inputs, self._outputs)
            self._output = self._read()
        except (RuntimeError, ValueError) as error:
            raise InvokeFailed(f"invoke failed: {error}") from error

    def output(self) -> OutputTensor:
        """The result of the last `invoke`."""
        return self._output

    def _read(self) -> OutputTensor:
        like = self._output
        # The buffer cannot be read as 64-bit integers, but as their 32-bit halves.
        plain = np.dtype(np.int32) if like.itemsize == np.dtype(np.int64).itemsize else like.dtype
        values = self._output_buffer.read(like.nbytes // plain.itemsize, plain.type)
        return np.asarray(values).view(like.dtype).reshape(like.shape)


def load_on_gpu(runtime: Runtime, model: ModelSpec) -> GpuModel:
    """Load the model on the GPU.

    Raises DelegateMissing if the runtime has no CompiledModel or there is no GPU, and
    DelegateFailed if CompiledModel cannot be imported, or if the model has operators that the GPU
    cannot run.
    """
    compiled_model = runtime.compiled_model()
    options = compiled_model.Options(
        hardware_accelerators=compiled_model.HardwareAccelerator.GPU,
    )
    content = content_to_run(model)
    failure: Exception | None = None
    with capture_stderr() as captured:
        try:
            compiled = compiled_model.CompiledModel.from_buffer(content, options=options)
        except (RuntimeError, ValueError) as error:
            failure = error
    if failure is not None:
        reasons = "; ".join(dict.fromkeys(REASON.findall(captured.text))) or str(failure)
        if NO_GPU in captured.text:
            raise DelegateMissing(f"no GPU: {reasons}") from failure
        raise DelegateFailed(f"gpu refuses {model.name}: {reasons}") from failure
    adapter = ADAPTER.search(captured.text)
    adapter_name = (
        f"{adapter['name']} ({adapter['kind'].strip()})" if adapter else "unknown adapter"
    )
    return GpuModel(compiled, model, content, adapter_name)
