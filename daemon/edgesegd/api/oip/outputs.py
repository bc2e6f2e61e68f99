"""Reads which outputs a request asks for, and where to write them."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.memory_ranges import RANGE_PARAMETERS, MemoryRange, MemoryRanges
from edgesegd.api.oip.parameters import Parameters, require_known, string, whole_number
from edgesegd.api.oip.tensors import NamedTensor, outputs_of
from edgesegd.core.errors import InvalidFrame, InvalidOptions, InvalidReason
from edgesegd.core.frame import FrameLimits, check_pixels
from edgesegd.core.options import (
    Output,
    ResizePolicy,
    ResultOptions,
    SizeMode,
    check_result_size,
)
from edgesegd.models.spec import ModelSpec

SIZES = {"": SizeMode.MODEL, "model": SizeMode.MODEL, "frame": SizeMode.FRAME}
"""The values of the parameter `size`."""


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output, and the shared memory to write it to; None to send it in the response."""

    output: Output
    tensor: NamedTensor
    memory_range: MemoryRange | None


def read_requested_outputs(
    request: pb.ModelInferRequest, model: ModelSpec, ranges: MemoryRanges
) -> tuple[RequestedOutput, ...]:
    """The outputs that a request asks for, in its order; all if it names none.

    Raises InvalidOptions, InvalidFrame or UnknownRegion.
    """
    known = outputs_of(model)
    if not request.outputs:
        return tuple(RequestedOutput(output, tensor, None) for output, tensor in known.items())
    by_name = {tensor.name: output for output, tensor in known.items()}
    wanted: dict[Output, RequestedOutput] = {}
    for asked in request.outputs:
        output = by_name.get(asked.name)
        if output is None:
            raise InvalidOptions(
                f"unexpected inference output {asked.name!r} for model {model.name!r}; there are "
                f"{', '.join(map(repr, by_name))}"
            )
        if output in wanted:
            raise InvalidOptions(f"the output {asked.name!r} is asked for twice")
        require_known(asked.parameters, RANGE_PARAMETERS, f"the output {asked.name!r}")
        memory_range = ranges.find(asked.parameters)
        if memory_range is not None and not memory_range.segment.writable:
            raise InvalidOptions(f"the daemon may not write to the region {memory_range.region!r}")
        wanted[output] = RequestedOutput(output, known[output], memory_range)
    return tuple(wanted.values())


def read_options(
    parameters: Parameters,
    wanted: tuple[RequestedOutput, ...],
    model: ModelSpec,
    limits: FrameLimits,
) -> ResultOptions:
    """The options of the result; raises InvalidOptions, or InvalidFrame if it does not fit."""
    size, width, height = _read_size(parameters, limits)
    resize = string(parameters, "resize") or ResizePolicy.STRETCH
    if resize not in tuple(ResizePolicy):
        raise InvalidOptions(f"resize is {', '.join(ResizePolicy)}, not {resize!r}")
    outputs = frozenset(each.output for each in wanted)
    own = model.output_size if size is SizeMode.MODEL else (width, height)
    check_result_size(*own, outputs, limits.size, tensor=model.output.size)
    for each in wanted:
        if each.output is Output.OUTPUT_TENSOR:
            require_fit(each, model.output.size)
        elif size is not SizeMode.FRAME:
            require_fit(each, own[0] * own[1])
    return ResultOptions(outputs, size, width, height, ResizePolicy(resize))


def require_fit(wanted: RequestedOutput, size: int) -> None:
    """Raise InvalidFrame if an output does not fit in its range of shared memory."""
    if wanted.memory_range is not None and size > wanted.memory_range.size:
        raise InvalidFrame(
            f"the output {wanted.tensor.name!r} has {size:,} bytes, but its range of the region "
            f"{wanted.memory_range.region!r} has {wanted.memory_range.size:,}",
            InvalidReason.SHARED_MEMORY,
        )


def _read_size(parameters: Parameters, limits: FrameLimits) -> tuple[SizeMode, int, int]:
    size = string(parameters, "size")
    width, height = whole_number(parameters, "width"), whole_number(parameters, "height")
    if not (width or height):
        if size not in SIZES:
            raise InvalidOptions(f"size is 'model' or 'frame', not {size!r}")
        return SIZES[size], 0, 0
    if size:
        raise InvalidOptions(f"size {size!r} cannot have a width and a height; leave one out")
    try:
        check_pixels(width, height, limits.pixels)
    except InvalidFrame as error:
        raise InvalidOptions(f"the size asked for: {error}") from None
    return SizeMode.CUSTOM, width, height
