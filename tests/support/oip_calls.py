"""Requests of the Open Inference Protocol as bytes on the wire, without a client library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from edgeseg.inference import open_inference_pb2 as pb
from edgeseg.inference import open_inference_pb2_grpc as pb_grpc

Parameters = Mapping[str, Any]


@asynccontextmanager
async def inference(address: str) -> AsyncIterator[Any]:
    """A stub with a channel of its own that takes results of any size."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)


def put(parameters: Any, values: Parameters) -> None:  # noqa: ANN401 # a map of protobuf
    """Set parameters by the types of their values."""
    kinds = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}
    for name, value in values.items():
        setattr(parameters[name], kinds[type(value)], value)


def of_bytes(*elements: bytes) -> bytes:
    """Elements of BYTES as they are in raw_input_contents."""
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def request(
    data: bytes | None,
    *,
    name: str = "image",
    datatype: str = "BYTES",
    shape: Iterable[int] = (1,),
    outputs: Iterable[str] = ("labels",),
    model: str = "",
    version: str = "",
    request_id: str = "",
    parameters: Parameters | None = None,
    place: Parameters | None = None,
    places: Mapping[str, Parameters] | None = None,
) -> pb.ModelInferRequest:
    """A request with one input, whose bytes are `data`; None leaves them out."""
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    put(tensor.parameters, place or {})
    made = pb.ModelInferRequest(
        model_name=model,
        model_version=version,
        id=request_id,
        inputs=[tensor],
        raw_input_contents=[] if data is None else [data],
    )
    put(made.parameters, parameters or {})
    for output in outputs:
        wanted = made.outputs.add(name=output)
        put(wanted.parameters, (places or {}).get(output, {}))
    return made


def picture(data: bytes, **more: Any) -> pb.ModelInferRequest:  # noqa: ANN401 # as `request`
    """A request with the file of a picture."""
    return request(of_bytes(data), **more)


async def status_of(call: Any) -> tuple[grpc.StatusCode, str]:  # noqa: ANN401 # a call of any kind
    """The status of a call that must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("the call did not fail")
