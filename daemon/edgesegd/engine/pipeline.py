"""The way of a frame through an engine, from top to bottom."""

from __future__ import annotations

import dataclasses
import time

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import EngineUnfit, Expired
from edgesegd.core.frame import FrameFormat
from edgesegd.core.options import Output, ResizePolicy, ResultOptions, SizeMode, check_result_size
from edgesegd.core.result import FrameResult, Stage
from edgesegd.engine.clock import StageClock
from edgesegd.engine.engine import Engine
from edgesegd.engine.frames import InvokedFrame, PreparedFrame, ReusedFrame
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.imaging import codec
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.mask import Mask, read_mask
from edgesegd.imaging.preprocess import GivenTensor, resize_picture
from edgesegd.imaging.tensor import read_tensor
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import ForgetRegion, ForgetStream, FrameJob, Message
from edgesegd.ipc.results import write_result

MAX_COPY = 1 << 20
"""Up to this many bytes, the output is copied, so that the next frame can be invoked while the mask
is made. To copy 1 MiB takes less than 0.1 ms on a small board, to copy 5 MB several ms."""


class FramePipeline:
    """The stages of a frame, in the order in which they are run; each gets what the last returned.

    Each may run in its own thread, with different frames at the same time. But `invoke` must run in
    the thread that created the engine.

    `failed` is true once an invoke has failed or shown that the delegate is wrong: the interpreter
    may hold stale data then, and a new engine must replace this one.
    """

    def __init__(self, engine: Engine, arena: Arena, regions: MappedRegions) -> None:
        self._engine = engine
        self._arena = arena
        self._regions = regions
        self._input_size = engine.model.input_size
        self.failed = False

    def read_bytes(self, job: FrameJob, _: None) -> memoryview:
        """The frame's bytes, in its slot or in a client's region."""
        if job.region is None:
            return self._arena.slot(job.slot)[: job.length]
        return self._regions.view(job.region, job.offset, job.length)

    def decode_frame(self, job: FrameJob, data: memoryview) -> PreparedFrame | ReusedFrame:
        """Decode and preprocess a frame, unless a result can be reused for it.

        `data` are the frame's bytes, which must stay as they are until the frame is invoked. A
        client that changes those in its region before spoils this frame, but no other. Raises
        InvalidFrame, InvalidOptions or Expired.
        """
        engine, options, clock = self._engine, job.options, StageClock()
        raise_if_expired(job, "too old before it was decoded")
        kept_data: bytes | memoryview | None = None
        if job.in_stream is not None:
            if (reused := engine.kept.find_by_bytes(job, data, clock)) is not None:
                return reused
            kept_data = engine.kept.bytes_to_decode(job, data)
        if job.frame.format is FrameFormat.TENSOR:
            tensor = read_tensor(engine.model.input, data, engine.preprocessor)
            clock.end(Stage.DECODE)
            self._check_result_size(options, self._input_size)
            placed = fit(self._input_size, self._input_size, ResizePolicy.STRETCH)
            return PreparedFrame(self._input_size, placed, tensor, clock.seconds)
        picture = codec.decode_frame(
            job.frame,
            data if kept_data is None else memoryview(kept_data),
            model_input=self._input_size,
            resize=options.resize,
            max_pixels=engine.max_pixels,
            max_seconds=engine.decode_seconds,
        )
        clock.end(Stage.DECODE)
        self._check_result_size(options, picture.size)
        placed = fit(picture.size, self._input_size, options.resize)
        pixels = resize_picture(picture, placed)
        clock.end(Stage.PREPROCESS)
        return PreparedFrame(picture.size, placed, pixels, clock.seconds, kept_data)

    def invoke(
        self, job: FrameJob, frame: PreparedFrame | ReusedFrame
    ) -> InvokedFrame | ReusedFrame:
        """Run the model on a frame, unless a result can be reused for it.

        Raises Expired, or EngineUnfit, after which the engine must be replaced. If the output is
        too large to copy, its mask is read here, and not by `make_mask`.
        """
        if isinstance(frame, ReusedFrame):
            return frame
        engine, clock = self._engine, StageClock(frame.seconds)
        raise_if_expired(job, "too old when it was about to be invoked")
        if (reused := engine.kept.find(job, frame, clock)) is not None:
            return reused
        began = time.monotonic()
        try:
            engine.preprocessor.to_tensor(frame.pixels, engine.loaded.input())
            clock.end(Stage.PREPROCESS)
            with engine.watchdog:
                engine.loaded.invoke()
            clock.end(Stage.INVOKE)
            output, kept = engine.loaded.output(), engine.kept.keep(job, frame, began)
            if output.nbytes <= MAX_COPY or Output.OUTPUT_TENSOR in job.options.outputs:
                return InvokedFrame(frame, output.copy(), clock.seconds, kept)
            mask = self._read_mask(job, frame, output)
            clock.end(Stage.LABELS)
            return InvokedFrame(frame, mask, clock.seconds, kept)
        except EngineUnfit:
            self.failed = True
            raise

    def make_mask(self, job: FrameJob, frame: InvokedFrame | ReusedFrame) -> FrameResult:
        """Make the mask and encode the result, or reuse one.

        Raises EngineDistrusted if the delegate is found to be wrong; the front ends this engine
        then.
        """
        engine = self._engine
        if isinstance(frame, ReusedFrame):
            engine.guard.raise_if_rejected()
            return frame.result()
        clock, prepared, output = StageClock(frame.seconds), frame.prepared, frame.output
        try:
            mask = output if isinstance(output, Mask) else self._read_mask(job, prepared, output)
            clock.end(Stage.LABELS)
            result = engine.encoder.encode_mask(mask, job.options, prepared.frame_size)
            planes = result.planes
            if Output.OUTPUT_TENSOR in job.options.outputs and not isinstance(output, Mask):
                planes = {**planes, Output.OUTPUT_TENSOR: engine.whole_output.of(output)}
            clock.end(Stage.ENCODE)
            engine.guard.raise_if_rejected()
        except BaseException:
            if frame.kept is not None:
                engine.kept.forget(frame.kept.own.stream.number)
            raise
        result = dataclasses.replace(result, planes=planes, seconds=clock.seconds)
        if frame.kept is not None:
            engine.kept.add_result(frame.kept, result)
        return result

    def write_result(self, job: FrameJob, result: FrameResult) -> Message:
        """Write the result into the frame's slot; returns the answer to the front."""
        return write_result(result, self._arena.slot(job.slot))

    def take_checks(self) -> list[DelegateCheck]:
        """The checks of the delegate that ended since this was called before."""
        return self._engine.guard.take_checks()

    def forget(self, order: ForgetRegion | ForgetStream) -> None:
        """Keep nothing of a client's region or of a stream any more."""
        if isinstance(order, ForgetRegion):
            self._regions.forget(order.number)
        else:
            self._engine.kept.forget(order.number)

    def _check_result_size(self, options: ResultOptions, frame: Size) -> None:
        """Raise InvalidOptions if a result of the frame's size would be too large."""
        if options.size is SizeMode.FRAME:
            engine = self._engine
            tensor = engine.model.output.size
            check_result_size(*frame, options.outputs, engine.max_result, tensor=tensor)

    def _read_mask(self, job: FrameJob, frame: PreparedFrame, output: OutputTensor) -> Mask:
        engine, pixels = self._engine, frame.pixels
        # A tensor unlike any picture may lead to an output that looks wrong though it is right.
        if not isinstance(pixels, GivenTensor) or pixels.like_a_picture:
            engine.guard.inspect(pixels, output)
        return read_mask(engine.model, engine.reader, output, frame.placed, job.options)


def raise_if_expired(job: FrameJob, message: str) -> None:
    """Raise Expired if the frame's deadline has passed."""
    if job.deadline is not None and time.monotonic() > job.deadline:
        raise Expired(message)
