"""Converts results and errors to responses."""

from __future__ import annotations

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.memory_ranges import OFFSET, REGION, SIZE
from edgesegd.api.oip.outputs import RequestedOutput, require_fit
from edgesegd.api.oip.requests import ResponseSpec
from edgesegd.core.errors import EdgesegError, NoEngine
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult

FINAL = "triton_final_response"


def infer_response(wanted: ResponseSpec, result: FrameResult) -> pb.ModelInferResponse:
    """Make the response for a result, and write those outputs that belong there to shared memory.

    Raises InvalidFrame if they do not fit. Raises NoEngine if a version of the model made the
    result that `wanted` does not accept.
    """
    model = result.model
    if not wanted.accepts(model.version):
        raise NoEngine(
            f"version {model.version} of {model.name!r} has replaced version "
            f"{wanted.spec.version}; send the request again"
        )
    response = pb.ModelInferResponse(
        model_name=model.name, model_version=model.version, id=wanted.request_id
    )
    response.parameters["delegate"].string_param = result.delegate
    response.parameters["frame_width"].int64_param = result.frame_size[0]
    response.parameters["frame_height"].int64_param = result.frame_size[1]
    for output in wanted.outputs:
        _add_output(response, output, result)
    return response


def _add_output(
    response: pb.ModelInferResponse, wanted: RequestedOutput, result: FrameResult
) -> None:
    content, memory_range, tensor = result.planes[wanted.output], wanted.memory_range, wanted.tensor
    own = wanted.output is Output.OUTPUT_TENSOR
    shape = tensor.shape if own else (result.height, result.width)
    output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
    if memory_range is None:
        response.raw_output_contents.append(content)
        return
    require_fit(wanted, len(content))
    memory_range.segment.write(memory_range.offset, content)
    output.parameters[REGION].string_param = memory_range.region
    output.parameters[SIZE].int64_param = len(content)
    output.parameters[OFFSET].int64_param = memory_range.offset
    response.raw_output_contents.append(b"")


def stream_result(response: pb.ModelInferResponse) -> pb.ModelStreamInferResponse:
    """A response as a message of a stream."""
    response.parameters[FINAL].bool_param = True
    return pb.ModelStreamInferResponse(infer_response=response)


def stream_error(
    error: EdgesegError, model_name: str, model_version: str, request_id: str
) -> pb.ModelStreamInferResponse:
    """The response to one request of a stream that failed; the stream stays open."""
    return pb.ModelStreamInferResponse(
        error_message=str(error),
        infer_response=pb.ModelInferResponse(
            model_name=model_name, model_version=model_version, id=request_id
        ),
    )
