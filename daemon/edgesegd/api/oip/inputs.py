"""Converts the one input of a request to a frame: its format and its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.memory_ranges import RANGE_PARAMETERS, MemoryRanges
from edgesegd.api.oip.parameters import require_known
from edgesegd.api.oip.tensors import BYTES, IMAGE, PIXELS, own_input
from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec
from edgesegd.core.frame_check import check_frame
from edgesegd.ipc.segment import SegmentFrame
from edgesegd.models.spec import ModelSpec

LENGTH_BYTES = 4
"""The length before each element of BYTES is a number of four bytes, little-endian."""

Input = pb.ModelInferRequest.InferInputTensor
Data = bytes | SegmentFrame


@dataclass(frozen=True, slots=True)
class InputContent:
    """The bytes of an input.

    BYTES has one element, after its length; with `without_length` it is the element alone.
    """

    data: Data
    without_length: bool = False


def read_input(
    request: pb.ModelInferRequest, model: ModelSpec, limits: FrameLimits, ranges: MemoryRanges
) -> tuple[FrameSpec, Data]:
    """The frame of a request; raises InvalidFrame, InvalidOptions or UnknownRegion.

    The input `image` is a picture file, BYTES [1], or its RGB pixels, UINT8 [H, W, 3]; both may
    have a leading dimension of 1. The model's own input has the model's type and shape.
    """
    own = own_input(model)
    if len(request.inputs) != 1:
        raise InvalidFrame(
            f"a request has one input, {IMAGE!r} or {own.name!r}, not {len(request.inputs)}",
            InvalidReason.DESCRIPTION,
        )
    tensor = request.inputs[0]
    shape = tuple(tensor.shape)
    content = _content_of(request, tensor, ranges)
    if tensor.name == IMAGE:
        if tensor.datatype == BYTES:
            return _picture_file(content, shape, limits)
        if tensor.datatype == PIXELS:
            return _pixels(content, shape, limits)
        raise InvalidFrame(
            f"the input {IMAGE!r} has datatype {BYTES} (a file) or {PIXELS} (pixels), not "
            f"{tensor.datatype!r}",
            InvalidReason.DESCRIPTION,
        )
    if tensor.name != own.name:
        raise InvalidFrame(
            f"unexpected inference input {tensor.name!r} for model {model.name!r}; there are "
            f"{IMAGE!r} and {own.name!r}",
            InvalidReason.DESCRIPTION,
        )
    if (tensor.datatype, shape) != (own.datatype, own.shape):
        raise InvalidFrame(
            f"the input {own.name!r} has datatype and shape {own.datatype} {list(own.shape)}, not "
            f"{tensor.datatype!r} {list(shape)}",
            InvalidReason.DESCRIPTION,
        )
    _require_size(content, model.input.size, own.name)
    if model.input.size > limits.size:
        raise InvalidFrame(
            f"the input {own.name!r} has {model.input.size:,} bytes; at most {limits.size:,} are "
            "allowed",
            InvalidReason.TOO_LARGE,
        )
    return FrameSpec(FrameFormat.TENSOR), content.data


def _content_of(request: pb.ModelInferRequest, tensor: Input, ranges: MemoryRanges) -> InputContent:
    """The bytes of an input; raises InvalidFrame unless they were sent in exactly one way."""
    require_known(tensor.parameters, RANGE_PARAMETERS, f"the input {tensor.name!r}")
    memory_range = ranges.find(tensor.parameters)
    raw = request.raw_input_contents
    ways = (memory_range is not None) + len(raw) + (tensor.contents.ByteSize() > 0)
    if ways != 1:
        raise InvalidFrame(
            f"the values of the input {tensor.name!r} must be in raw_input_contents or in shared "
            f"memory, once; they were sent {ways} times",
            InvalidReason.DESCRIPTION,
        )
    if memory_range is not None:
        return InputContent(
            SegmentFrame(memory_range.segment, memory_range.offset, memory_range.size)
        )
    if raw:
        return InputContent(raw[0])
    elements = tensor.contents.bytes_contents
    if tensor.datatype != BYTES or len(elements) != 1:
        raise InvalidFrame(
            f"the values of the input {tensor.name!r} belong in raw_input_contents; only a single "
            "picture file may be in bytes_contents",
            InvalidReason.DESCRIPTION,
        )
    return InputContent(elements[0], without_length=True)


def _picture_file(
    content: InputContent, shape: tuple[int, ...], limits: FrameLimits
) -> tuple[FrameSpec, Data]:
    if shape not in ((1,), (1, 1)):
        raise InvalidFrame(
            f"a request has one picture, of shape [1], not {list(shape)}; send each picture in its "
            "own request, several requests at a time",
            InvalidReason.DESCRIPTION,
        )
    data = content.data if content.without_length else _only_element(content.data)
    return check_frame(FrameSpec(FrameFormat.AUTO), data, limits), data


def _only_element(data: Data) -> Data:
    """The bytes of an element after its length."""
    size = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) < LENGTH_BYTES or size != len(data) - LENGTH_BYTES:
        raise InvalidFrame(
            f"the input {IMAGE!r} has {len(data):,} bytes, but the length of its {BYTES} element "
            f"is {size:,}, and {LENGTH_BYTES} bytes for the length itself",
            InvalidReason.DESCRIPTION,
        )
    if isinstance(data, SegmentFrame):
        return SegmentFrame(data.segment, data.offset + LENGTH_BYTES, size)
    return data[LENGTH_BYTES:]


def _pixels(
    content: InputContent, shape: tuple[int, ...], limits: FrameLimits
) -> tuple[FrameSpec, Data]:
    match shape:
        case (height, width, 3) | (1, height, width, 3) if height > 0 and width > 0:
            _require_size(content, height * width * 3, IMAGE)
            spec = FrameSpec(FrameFormat.RGB, width, height)
            return check_frame(spec, content.data, limits), content.data
    raise InvalidFrame(
        f"the pixels of a picture are {PIXELS} [height, width, 3] (red, green, blue), not "
        f"{list(shape)}",
        InvalidReason.DESCRIPTION,
    )


def _require_size(content: InputContent, size: int, name: str) -> None:
    if len(content.data) != size:
        raise InvalidFrame(
            f"unexpected total byte size {len(content.data):,} for input {name!r}, "
            f"expecting {size:,}",
            InvalidReason.DESCRIPTION,
        )
