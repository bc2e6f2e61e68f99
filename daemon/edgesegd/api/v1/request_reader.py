"""What clients of `edgeseg.v1` send, read and checked."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.mapped_regions import Regions
from edgesegd.api.v1.requests import FrameOptions, deadline_of, parse_frame, parse_options
from edgesegd.core.frame import FrameLimits
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.received_frame import FrameTag, ReceivedFrame


class RequestReader:
    """Reads options and frames for one model, within `limits`; `regions` are what is lent."""

    def __init__(self, model: ModelSpec, limits: FrameLimits, regions: Regions) -> None:
        self._model = model
        self._limits = limits
        self._regions = regions

    def read_options(self, options: pb.SegmentationOptions) -> FrameOptions:
        """What a client wants; raises UnknownModel, InvalidOptions or Unimplemented."""
        return parse_options(options, self._model, self._limits)

    def receive(
        self, tag: FrameTag, frame: pb.Frame, options: FrameOptions, call_deadline: float | None
    ) -> ReceivedFrame:
        """A frame, all that is needed to segment it; raises InvalidFrame."""
        spec, data = parse_frame(frame, self._limits, self._regions)
        deadline = deadline_of(frame, tag.received, options, call_deadline)
        return ReceivedFrame(tag, spec, data, options.result, deadline)
