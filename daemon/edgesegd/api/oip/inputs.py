"""Converts the one input of a request to a frame: its format and its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.parameters import require_known
from edgesegd.api.oip.places import PLACE, Places
from edgesegd.api.oip.tensors import BYTES, IMAGE, PIXELS, own_input
from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec, check_frame
from edgesegd.ipc.segment import SegmentFrame
from edgesegd.models.spec import ModelSpec

LENGTH_BYTES = 4
"""Length before each element of BYTES, little-endian."""

Input = pb.ModelInferRequest.InferInputTensor
Data = bytes | SegmentFrame


@dataclass(frozen=True, slots=True)
class Given:
    """An input's bytes. For BYTES, one element; if `bare`, its length does not precede it."""

    data: Data
    bare: bool = False


def read_input(
    request: pb.ModelInferRequest, model: ModelSpec, limits: FrameLimits, places: Places
) -> tuple[FrameSpec, Data]:
    """The frame of a request; raises InvalidFrame, InvalidOptions or UnknownRegion.

    The input `image` is a picture file, BYTES [1], or its RGB pixels, UINT8 [H, W, 3]; both may
    have a leading dimension of 1. The model's own input has the model's type and shape.
    """
    own = own_input(model)
    if len(request.inputs) != 1:
        raise InvalidFrame(
            f"a request has one input, {IMAGE!r} or {own.name!r}, not {len(request.inputs)}"
        )
    tensor = request.inputs[0]
    shape = tuple(tensor.shape)
    given = _given(request, tensor, places)
    if tensor.name == IMAGE:
        if tensor.datatype == BYTES:
            return _picture_file(given, shape, limits)
        if tensor.datatype == PIXELS:
            return _pixels(given, shape, limits)
        raise InvalidFrame(
            f"the input {IMAGE!r} has datatype {BYTES} (a file) or {PIXELS} (pixels), not "
            f"{tensor.datatype!r}"
        )
    if tensor.name != own.name:
        raise InvalidFrame(
            f"unexpected inference input {tensor.name!r} for model {model.name!r}; there are "
            f"{IMAGE!r} and {own.name!r}"
        )
    if (tensor.datatype, shape) != (own.datatype, own.shape):
        raise InvalidFrame(
            f"the input {own.name!r} has datatype and shape {own.datatype} {list(own.shape)}, not "
            f"{tensor.datatype!r} {list(shape)}"
        )
    _require_size(given, model.input.size, own.name)
    if model.input.size > limits.size:
        raise InvalidFrame(
            f"the input {own.name!r} has {model.input.size:,} bytes; at most {limits.size:,} are "
            "allowed"
        )
    return FrameSpec(FrameFormat.TENSOR), given.data


def _given(request: pb.ModelInferRequest, tensor: Input, places: Places) -> Given:
    """The bytes of an input; raises InvalidFrame unless they are in exactly one place."""
    require_known(tensor.parameters, PLACE, f"the input {tensor.name!r}")
    place = places.find(tensor.parameters)
    raw = request.raw_input_contents
    ways = (place is not None) + len(raw) + (tensor.contents.ByteSize() > 0)
    if ways != 1:
        raise InvalidFrame(
            f"the values of the input {tensor.name!r} must be in raw_input_contents or in shared "
            f"memory, once; they were sent {ways} times"
        )
    if place is not None:
        return Given(SegmentFrame(place.segment, place.offset, place.size))
    if raw:
        return Given(raw[0])
    elements = tensor.contents.bytes_contents
    if tensor.datatype != BYTES or len(elements) != 1:
        raise InvalidFrame(
            f"the values of the input {tensor.name!r} belong in raw_input_contents; only a single "
            "picture file may be in bytes_contents"
        )
    return Given(elements[0], bare=True)


def _picture_file(
    given: Given, shape: tuple[int, ...], limits: FrameLimits
) -> tuple[FrameSpec, Data]:
    if shape not in ((1,), (1, 1)):
        raise InvalidFrame(
            f"a request has one picture, of shape [1], not {list(shape)}; send each picture in its "
            "own request, several requests at a time"
        )
    data = given.data if given.bare else _only_element(given.data)
    return check_frame(FrameSpec(FrameFormat.AUTO), data, limits), data


def _only_element(data: Data) -> Data:
    """The bytes of an element after its length."""
    size = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) < LENGTH_BYTES or size != len(data) - LENGTH_BYTES:
        raise InvalidFrame(
            f"the input {IMAGE!r} has {len(data):,} bytes, but the length of its {BYTES} element "
            f"is {size:,}, and {LENGTH_BYTES} bytes for the length itself"
        )
    if isinstance(data, SegmentFrame):
        return SegmentFrame(data.segment, data.offset + LENGTH_BYTES, size)
    return data[LENGTH_BYTES:]


def _pixels(given: Given, shape: tuple[int, ...], limits: FrameLimits) -> tuple[FrameSpec, Data]:
    match shape:
        case (height, width, 3) | (1, height, width, 3) if height > 0 and width > 0:
            _require_size(given, height * width * 3, IMAGE)
            spec = FrameSpec(FrameFormat.RGB, width, height)
            return check_frame(spec, given.data, limits), given.data
    raise InvalidFrame(
        f"the pixels of a picture are {PIXELS} [height, width, 3] (red, green, blue), not "
        f"{list(shape)}"
    )


def _require_size(given: Given, size: int, name: str) -> None:
    if len(given.data) != size:
        raise InvalidFrame(
            f"unexpected total byte size {len(given.data):,} for input {name!r}, expecting {size:,}"
        )
