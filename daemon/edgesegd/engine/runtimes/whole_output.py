"""The model's own output, also where the end of its graph is not run for labels."""

from __future__ import annotations

from edgesegd.core.errors import InternalFault, StartupError
from edgesegd.engine.runtimes.interpreter import LoadedModel, load_end_on_cpu
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.models.spec import ModelSpec


class WholeOutput:
    """Makes the output of the whole graph of what the graph gives as it is run.

    Where the end is left out, the runtime itself runs it, on the CPU, so that the numbers are those
    that it would give. It is loaded when the output is first requested. For one thread at a time.
    """

    def __init__(self, runtime: Runtime, model: ModelSpec) -> None:
        self._runtime = runtime
        self._model = model
        self._end: LoadedModel | None = None

    def of(self, output: OutputTensor) -> bytes:
        """The bytes of the model's output, in its own type and shape, row by row.

        Raises InternalFault where the end cannot be run.
        """
        upsampling = self._model.upsampling
        if upsampling is None:
            return output.tobytes()
        if self._end is None:
            try:
                self._end = load_end_on_cpu(self._runtime, self._model, upsampling)
            except StartupError as error:
                raise InternalFault(f"the model's own output cannot be had: {error}") from error
        self._end.input()[:] = output
        self._end.invoke()
        return self._end.output().tobytes()
