"""Reads and checks what clients of `edgeseg.v1` send."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.v1.frames import parse_frame
from edgesegd.api.v1.requests import (
    FrameOptions,
    check_lengths,
    frame_deadline,
    parse_options,
)
from edgesegd.core.frame import FrameLimits
from edgesegd.serving.received_frame import FrameTag, ReceivedFrame
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel


class RequestReader:
    """Reads options and frames for `models`, within `limits`; `regions` are the leased ones."""

    def __init__(self, models: ModelRegistry, limits: FrameLimits, regions: RegionLeases) -> None:
        self._models = models
        self._limits = limits
        self._regions = regions

    def find_model(self, options: pb.SegmentationOptions) -> ServedModel:
        """The model that a client wants; raises UnknownModel."""
        check_lengths(options)
        return self._models.find(options.model)

    def read_options(self, options: pb.SegmentationOptions) -> FrameOptions:
        """The options of a client; raises UnknownModel or InvalidOptions."""
        return parse_options(options, self._models, self._limits)

    def receive(
        self, tag: FrameTag, frame: pb.Frame, options: FrameOptions, call_deadline: float | None
    ) -> ReceivedFrame:
        """A frame with all that is needed to segment it; raises InvalidFrame."""
        spec, data = parse_frame(frame, self._limits, self._regions)
        deadline = frame_deadline(frame, tag.received, options, call_deadline)
        return ReceivedFrame(tag, spec, data, options.result, deadline)
