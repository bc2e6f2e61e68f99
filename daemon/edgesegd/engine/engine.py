"""One frame's way through an engine, from top to bottom."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from edgesegd.core.codec import decode_frame
from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.core.encode import Encoder
from edgesegd.core.errors import EngineFailed, Expired
from edgesegd.core.geometry import fit
from edgesegd.core.labels import OutputTensor, to_labels, to_scores
from edgesegd.core.messages import EngineReady, FrameJob
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.options import NEEDS_SCORES, SizeMode, check_result_size
from edgesegd.core.preprocess import InputTensor, Preprocessor
from edgesegd.core.resample import Mask, at_size
from edgesegd.core.result import FrameResult, Stage
from edgesegd.engine.clock import StageClock
from edgesegd.engine.interpreter import load_model
from edgesegd.engine.runtime import Runtime


class Engine:
    """One interpreter of one model. Not for several threads."""

    def __init__(
        self,
        model: ModelSpec,
        runtime: Runtime,
        delegate: DelegateSpec,
        *,
        threads: int,
        max_pixels: int,
        max_result: int,
    ) -> None:
        self._model = model
        self._runtime = runtime
        self._threads = threads or runtime.default_threads()
        self._max_pixels = max_pixels
        self._max_result = max_result
        self._delegate = delegate
        self._loaded = load_model(runtime, model, delegate, self._threads)
        self._interpreter = self._loaded.interpreter
        self._input_index = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._output_index = outputs[model.output_position]["index"]
        self._preprocessor = Preprocessor(model)
        self._encoder = Encoder(model)

    def warm_up(self) -> EngineReady:
        """Run the model twice on nothing: the first invoke prepares what later ones reuse."""
        self._input()[:] = 0
        self._invoke()
        started = time.monotonic()
        self._invoke()
        seconds = time.monotonic() - started
        return EngineReady(
            runtime=str(self._runtime),
            delegate=self._delegate.name,
            delegated=self._loaded.delegated,
            operators=self._loaded.operators,
            threads=self._threads,
            invoke_seconds=seconds,
        )

    def segment(self, job: FrameJob, data: memoryview) -> FrameResult:
        """Segment the frame whose bytes `data` holds.

        Raises InvalidFrame, InvalidOptions, Expired or EngineFailed; the next frame is not
        affected, but after EngineFailed the interpreter may hold stale data and must be replaced.
        """
        model, options, clock = self._model, job.options, StageClock()
        picture = decode_frame(
            job.frame,
            data,
            model_input=model.input_size,
            resize=options.resize,
            max_pixels=self._max_pixels,
        )
        clock.end(Stage.DECODE)
        if options.size is SizeMode.FRAME:
            check_result_size(*picture.size, options.outputs, self._max_result)
        placed = fit(picture.size, model.input_size, options.resize)
        self._preprocessor.to_tensor(picture, placed, self._input())
        clock.end(Stage.PREPROCESS)
        if job.deadline is not None and time.monotonic() > job.deadline:
            raise Expired("too old when it was about to be invoked")
        self._invoke()
        clock.end(Stage.INVOKE)
        output = self._output()
        scores = to_scores(model, output) if options.outputs & NEEDS_SCORES else None
        mask = at_size(Mask(to_labels(model, output), scores), placed, options)
        clock.end(Stage.LABELS)
        result = self._encoder.encode_mask(mask, options, picture.size)
        clock.end(Stage.ENCODE)
        return dataclasses.replace(result, seconds=clock.seconds)

    def _invoke(self) -> None:
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise EngineFailed(f"invoke failed: {error}") from error

    # The views below lie in the interpreter's memory: they save a copy, and must be gone before
    # the next invoke, so they are asked for anew for each frame.

    def _input(self) -> InputTensor:
        view: InputTensor = self._interpreter.tensor(self._input_index)()
        return view

    def _output(self) -> OutputTensor:
        view: OutputTensor = np.asarray(self._interpreter.tensor(self._output_index)())
        return view
