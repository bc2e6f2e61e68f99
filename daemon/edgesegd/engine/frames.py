"""A frame between the stages of an engine."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edgesegd.core.errors import InternalFault
from edgesegd.core.frame import FrameSpec
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode, StreamFrame
from edgesegd.imaging.geometry import Fit, Size
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.mask import Mask
from edgesegd.imaging.preprocess import ModelInput


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """A frame as the model sees it: `pixels` in the size of its input.

    `placed` is how the frame was fitted into it. `frame_size` is the frame's own size; for a
    tensor, the model's input size. `seconds` is the time of each stage so far. `data` are the bytes
    that were decoded, if the frame's stream reuses results.
    """

    frame_size: Size
    placed: Fit
    pixels: ModelInput
    seconds: dict[Stage, float]
    data: bytes | memoryview | None = None


@dataclass(slots=True, eq=False)
class KeptFrame:
    """A frame that was computed, and its `result` as soon as that is made.

    `data` is kept if its bytes are compared, `prepared` if its pixels are. `began` is when it was
    about to be invoked, a time of `time.monotonic`.
    """

    own: StreamFrame
    spec: FrameSpec
    began: float
    data: bytes | None
    prepared: PreparedFrame | None
    result: FrameResult | None = None

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        data = 0 if self.data is None else len(self.data)
        pixels = getattr(self.prepared and self.prepared.pixels, "nbytes", 0)
        return data + pixels + (0 if self.result is None else self.result.size)


@dataclass(frozen=True, slots=True)
class InvokedFrame:
    """A frame that was `prepared` and invoked.

    `output` is a copy of the model's output; or the mask, if the output is too large to copy and is
    not requested itself. `seconds` is the time of each stage so far. If the result may be reused
    for later frames, the frame is `kept`.
    """

    prepared: PreparedFrame
    output: OutputTensor | Mask
    seconds: dict[Stage, float]
    kept: KeptFrame | None = None


@dataclass(frozen=True, slots=True)
class ReusedFrame:
    """A frame that gets the result of the `kept` one; `seconds` is the time of its stages."""

    kept: KeptFrame
    reason: ReuseMode
    seconds: dict[Stage, float]

    def result(self) -> FrameResult:
        """The result, once the kept frame is finished; raises InternalFault if that failed."""
        if self.kept.result is None:
            raise InternalFault(
                "the result of the frame before could not be made, and this frame shows the same"
            )
        reused = Reused(self.kept.own.frame_id, self.reason)
        return dataclasses.replace(self.kept.result, seconds=self.seconds, reused=reused)
