"""One frame's way through an engine, from top to bottom."""

from __future__ import annotations

import dataclasses
import time

from edgesegd.core.codec import decode_frame
from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.core.encode import Encoder
from edgesegd.core.errors import Expired
from edgesegd.core.geometry import fit
from edgesegd.core.labels import to_labels, to_scores
from edgesegd.core.messages import EngineReady, FrameJob
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.options import NEEDS_SCORES, SizeMode, check_result_size
from edgesegd.core.preprocess import Preprocessor
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
        self._preprocessor = Preprocessor(model)
        self._encoder = Encoder(model)

    def warm_up(self) -> EngineReady:
        """Run the model twice on nothing: the first invoke prepares what later ones reuse."""
        self._loaded.input()[:] = 0
        self._loaded.invoke()
        started = time.monotonic()
        self._loaded.invoke()
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
        self._preprocessor.to_tensor(picture, placed, self._loaded.input())
        clock.end(Stage.PREPROCESS)
        if job.deadline is not None and time.monotonic() > job.deadline:
            raise Expired("too old when it was about to be invoked")
        self._loaded.invoke()
        clock.end(Stage.INVOKE)
        output = self._loaded.output()
        scores = to_scores(model, output) if options.outputs & NEEDS_SCORES else None
        mask = at_size(Mask(to_labels(model, output), scores), placed, options)
        clock.end(Stage.LABELS)
        result = self._encoder.encode_mask(mask, options, picture.size)
        clock.end(Stage.ENCODE)
        return dataclasses.replace(result, seconds=clock.seconds)
