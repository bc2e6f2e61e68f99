"""Reads and checks requests to run a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.deadline import earlier
from edgesegd.api.oip.inputs import read_input
from edgesegd.api.oip.memory_ranges import MemoryRanges, RegionFinder
from edgesegd.api.oip.outputs import RequestedOutput, read_options, read_requested_outputs
from edgesegd.api.oip.parameters import boolean, require_known, whole_number
from edgesegd.core.client import Client
from edgesegd.core.frame import FrameFormat, FrameLimits
from edgesegd.core.options import Output
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.received_frame import FrameTag, ReceivedFrame
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

FINAL_RESPONSE = "triton_enable_empty_final_response"
KNOWN = ("timeout", "priority", "size", "width", "height", "resize", FINAL_RESPONSE)
"""Parameters of a request. `priority` has no effect, as in Triton for a model without levels. The
last has no effect either, because the only response is the final one."""


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """What the response to a request must be like.

    `spec` is the version of the model that the request was read for. `exact` is whether another
    version could read the request or its outputs differently, `pinned` whether the request names
    its version.
    """

    model: ServedModel
    spec: ModelSpec
    request_id: str
    outputs: tuple[RequestedOutput, ...]
    exact: bool
    pinned: bool

    def accepts(self, version: str) -> bool:
        """Whether a result of that version answers the request."""
        if version == self.spec.version or not (self.exact or self.pinned):
            return True
        now = self.model.spec
        return not self.pinned and now.version == version and tensors(now) == tensors(self.spec)


class RequestReader:
    """Reads requests for `models`, within `limits`; `finder` finds regions of shared memory."""

    def __init__(self, models: ModelRegistry, limits: FrameLimits, finder: RegionFinder) -> None:
        self._models = models
        self._limits = limits
        self._finder = finder

    def find_model(self, request: pb.ModelInferRequest) -> ServedModel:
        """The model that a request is for; raises UnknownModel."""
        return self._models.find(request.model_name, request.model_version)

    def read(
        self,
        request: pb.ModelInferRequest,
        model: ServedModel,
        tag: FrameTag,
        client: Client,
        call_deadline: float | None,
    ) -> tuple[ReceivedFrame, ResponseSpec]:
        """The frame of a request, and what its response must be like; raises a ClientError."""
        spec, parameters = model.spec, request.parameters
        require_known(parameters, KNOWN, "a request")
        timeout, _ = whole_number(parameters, "timeout"), whole_number(parameters, "priority")
        boolean(parameters, FINAL_RESPONSE)
        ranges = MemoryRanges(self._finder, client)
        wanted = read_requested_outputs(request, spec, ranges)
        options = read_options(parameters, wanted, spec, self._limits)
        frame, data = read_input(request, spec, self._limits, ranges)
        deadline = frame_deadline(timeout, tag, call_deadline)
        received = ReceivedFrame(tag, frame, data, options, deadline)
        exact = frame.format is FrameFormat.TENSOR or Output.OUTPUT_TENSOR in options.outputs
        pinned = bool(request.model_version)
        return received, ResponseSpec(model, spec, request.id, wanted, exact, pinned)


def tensors(spec: ModelSpec) -> tuple[object, ...]:
    """What a client must know of a model to send it a tensor, and to read its output."""
    return spec.input, spec.output, spec.mean, spec.std


def frame_deadline(timeout: int, tag: FrameTag, call_deadline: float | None) -> float | None:
    """When a frame expires: after `timeout` microseconds (0 for none) or at the call's deadline."""
    if not timeout:
        return call_deadline
    return earlier(tag.received + timeout / 1e6, call_deadline)
