"""Computes the model's own output, even if the end of its graph is not run for labels."""

from __future__ import annotations

from edgesegd.core.errors import InternalFault, StartupError
from edgesegd.engine.runtimes.interpreter import LoadedModel, load_end_on_cpu
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.imaging.labels import OutputTensor
from edgesegd.models.spec import ModelSpec


class WholeOutput:
    """Computes the output of the whole graph from the output of the graph that is run.

    If the end of the graph is cut off, the runtime runs it on the CPU, so that the values are the
    same as those of the whole graph. The end is loaded when the output is first requested. Only one
    thread may use this at a time.
    """

    def __init__(self, runtime: Runtime, model: ModelSpec) -> None:
        self._runtime = runtime
        self._model = model
        self._end: LoadedModel | None = None

    def of(self, output: OutputTensor) -> bytes:
        """The bytes of the model's output, in its own dtype and shape, row by row.

        Raises InternalFault if the end cannot be run.
        """
        upsampling = self._model.upsampling
        if upsampling is None:
            return output.tobytes()
        if self._end is None:
            try:
                self._end = load_end_on_cpu(self._runtime, self._model, upsampling)
            except StartupError as error:
                raise InternalFault(
                    f"the model's own output cannot be computed: {error}"
                ) from error
        self._end.input()[:] = output
        self._end.invoke()
        return self._end.output().tobytes()
