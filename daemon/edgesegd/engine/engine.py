"""Segments one frame: decode, preprocess, invoke, mask, encode, from top to bottom."""

from __future__ import annotations

import dataclasses
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from edgesegd.core.errors import DelegateFailed, Expired, InvokeFailed
from edgesegd.core.frame import FrameFormat
from edgesegd.core.options import (
    Output,
    ResizePolicy,
    ResultOptions,
    SizeMode,
    check_result_size,
)
from edgesegd.core.result import FrameResult, Stage
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.clock import StageClock
from edgesegd.engine.frames import InvokedFrame, PreparedFrame, ReusedFrame
from edgesegd.engine.guard.drift import DriftCheck
from edgesegd.engine.guard.output_guard import CheckedOutput, OutputGuard, TrustedOutput
from edgesegd.engine.guard.watchdog import InvokeWatchdog
from edgesegd.engine.reuse import KeptFrames
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.load import load_model
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.engine.runtimes.whole_output import WholeOutput
from edgesegd.imaging.codec import decode_frame
from edgesegd.imaging.encode import Encoder
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.mask import Mask, mask_reader, read_mask
from edgesegd.imaging.preprocess import GivenTensor, Preprocessor, resize_picture
from edgesegd.imaging.tensor import read_tensor
from edgesegd.ipc.messages import EngineReady, FrameJob
from edgesegd.models.spec import ModelSpec

LARGEST_COPY = 1 << 20
"""Up to this many bytes, the output is copied, so that the next frame can be invoked while the mask
is made. To copy 1 MiB takes less than 0.1 ms on a small board, to copy 5 MB several ms."""


class Engine:
    """One interpreter of one model.

    A frame goes through `prepare`, `invoke` and `finish`. Each of these may run in its own thread,
    with different frames at the same time. But `invoke` must run in the thread that created the
    engine, because some drivers require it.

    A delegate's output for every `check_every`th frame is compared with the CPU's output with the
    model `reference`; with 0 or None, never. For streams that reuse results, at most `reuse_bytes`
    of frames and results are kept.
    """

    def __init__(
        self,
        model: ModelSpec,
        runtime: Runtime,
        delegate: DelegateSpec,
        *,
        threads: int,
        max_pixels: int,
        decode_seconds: float,
        max_result: int,
        reference: ModelSpec | None = None,
        check_every: int = 0,
        reuse_bytes: int = 0,
    ) -> None:
        self._model = model
        self._runtime = runtime
        self._threads = threads or runtime.default_threads()
        self._max_pixels = max_pixels
        self._decode_seconds = decode_seconds
        self._max_result = max_result
        self._delegate = delegate
        self._loaded = load_model(runtime, model, delegate, self._threads)
        self._preprocessor = Preprocessor(model)
        self._reader = mask_reader(model)
        self._encoder = Encoder(model)
        self._whole_output = WholeOutput(runtime, model)
        self._watchdog: AbstractContextManager[None] = nullcontext()
        self._guard = self._make_guard(reference, check_every)
        self._kept = KeptFrames(reuse_bytes)

    def describe(self) -> EngineReady:
        """Describe what was loaded."""
        return EngineReady(
            runtime=str(self._runtime),
            delegate=self._delegate.name,
            delegated=self._loaded.delegated,
            operators=self._loaded.operators,
            adapter=self._loaded.adapter,
            fallback=self._loaded.fallback,
            threads=self._threads,
        )

    def warm_up(self) -> float:
        """Run the model on zeros; returns how many seconds that took.

        From then on a watchdog limits a delegate's invokes to many times as long. Raises
        DelegateFailed if the invoke fails.
        """
        self._loaded.input()[:] = 0
        started = time.monotonic()
        try:
            self._loaded.invoke()
        except InvokeFailed as error:
            raise DelegateFailed(f"{self._delegate.name} fails: {error}") from error
        seconds = time.monotonic() - started
        # A board on which an invoke is slow also decodes slowly.
        self._decode_seconds = max(self._decode_seconds, seconds)
        if not self._delegate.is_cpu:
            self._watchdog = InvokeWatchdog(usual=seconds)
        return seconds

    def prepare(self, job: FrameJob, data: memoryview) -> PreparedFrame | ReusedFrame:
        """Decode and preprocess a frame, unless a result can be reused for it.

        `data` are the frame's bytes, which must stay as they are until the frame is invoked. A
        client that changes those in its region before spoils this frame, but no other. Raises
        InvalidFrame, InvalidOptions or Expired.
        """
        model, options, clock = self._model, job.options, StageClock()
        raise_if_expired(job, "too old before it was decoded")
        if (reused := self._kept.find_by_bytes(job, data, clock)) is not None:
            return reused
        source = self._kept.bytes_to_decode(job, data)
        if job.frame.format is FrameFormat.TENSOR:
            tensor = read_tensor(model.input, data, self._preprocessor)
            clock.end(Stage.DECODE)
            self._check_result_size(options, model.input_size)
            placed = fit(model.input_size, model.input_size, ResizePolicy.STRETCH)
            return PreparedFrame(model.input_size, placed, tensor, clock.seconds)
        picture = decode_frame(
            job.frame,
            memoryview(source),
            model_input=model.input_size,
            resize=options.resize,
            max_pixels=self._max_pixels,
            max_seconds=self._decode_seconds,
        )
        clock.end(Stage.DECODE)
        self._check_result_size(options, picture.size)
        placed = fit(picture.size, model.input_size, options.resize)
        pixels = resize_picture(picture, placed)
        clock.end(Stage.PREPROCESS)
        kept_data = None if job.in_stream is None else source
        return PreparedFrame(picture.size, placed, pixels, clock.seconds, kept_data)

    def invoke(
        self, job: FrameJob, prepared: PreparedFrame | ReusedFrame
    ) -> InvokedFrame | ReusedFrame:
        """Run the model on a frame, unless a result can be reused for it.

        Raises Expired, or InvokeFailed, after which the interpreter may hold stale data and must be
        replaced. If the output is too large to copy, the mask is made here, with the errors that
        `finish` raises otherwise.
        """
        if isinstance(prepared, ReusedFrame):
            return prepared
        clock = StageClock(prepared.seconds)
        raise_if_expired(job, "too old when it was about to be invoked")
        if (reused := self._kept.find(job, prepared, clock)) is not None:
            return reused
        began = time.monotonic()
        self._preprocessor.to_tensor(prepared.pixels, self._loaded.input())
        clock.end(Stage.PREPROCESS)
        with self._watchdog:
            self._loaded.invoke()
        clock.end(Stage.INVOKE)
        output, kept = self._loaded.output(), self._kept.keep(job, prepared, began)
        if output.nbytes <= LARGEST_COPY or Output.OUTPUT_TENSOR in job.options.outputs:
            return InvokedFrame(prepared, output.copy(), clock.seconds, kept)
        mask = self._read_mask(job, prepared, output)
        clock.end(Stage.LABELS)
        return InvokedFrame(prepared, mask, clock.seconds, kept)

    def finish(self, job: FrameJob, invoked: InvokedFrame | ReusedFrame) -> FrameResult:
        """Make the mask and encode the result, or reuse one.

        Raises EngineDistrusted if the delegate is found to be wrong.
        """
        if isinstance(invoked, ReusedFrame):
            self._guard.raise_if_rejected()
            return invoked.result()
        if invoked.kept is None:
            return self._make_result(job, invoked)
        try:
            result = self._make_result(job, invoked)
        except BaseException:
            self._kept.forget(invoked.kept.own.stream.number)
            raise
        self._kept.add_result(invoked.kept, result)
        return result

    def forget_stream(self, number: int) -> None:
        """Keep nothing of a stream any more."""
        self._kept.forget(number)

    def _make_result(self, job: FrameJob, invoked: InvokedFrame) -> FrameResult:
        clock, prepared, output = StageClock(invoked.seconds), invoked.prepared, invoked.output
        mask = output if isinstance(output, Mask) else self._read_mask(job, prepared, output)
        clock.end(Stage.LABELS)
        result = self._encoder.encode_mask(mask, job.options, prepared.frame_size)
        planes = result.planes
        if Output.OUTPUT_TENSOR in job.options.outputs and not isinstance(output, Mask):
            planes = {**planes, Output.OUTPUT_TENSOR: self._whole_output.of(output)}
        clock.end(Stage.ENCODE)
        self._guard.raise_if_rejected()
        return dataclasses.replace(result, planes=planes, seconds=clock.seconds)

    def _check_result_size(self, options: ResultOptions, frame: Size) -> None:
        """Raise InvalidOptions if a result of the frame's size would be too large."""
        if options.size is SizeMode.FRAME:
            tensor = self._model.output.size
            check_result_size(*frame, options.outputs, self._max_result, tensor=tensor)

    def _read_mask(self, job: FrameJob, prepared: PreparedFrame, output: OutputTensor) -> Mask:
        pixels = prepared.pixels
        # A tensor unlike any picture may lead to an output that looks wrong though it is right.
        if not isinstance(pixels, GivenTensor) or pixels.like_a_picture:
            self._guard.inspect(pixels, output)
        return read_mask(self._model, self._reader, output, prepared.placed, job.options)

    def _make_guard(self, reference: ModelSpec | None, check_every: int) -> OutputGuard:
        if self._delegate.is_cpu:
            return TrustedOutput()
        if reference is None or check_every == 0:
            return CheckedOutput(self._model, None)
        load = partial(load_on_cpu, self._runtime, reference, 1)
        return CheckedOutput(
            self._model, DriftCheck(self._model, reference, load, every=check_every)
        )


def raise_if_expired(job: FrameJob, message: str) -> None:
    """Raise Expired if the frame's deadline has passed."""
    if job.deadline is not None and time.monotonic() > job.deadline:
        raise Expired(message)
