"""Metadata of the daemon and its models, as clients and Triton's tools expect it."""

from __future__ import annotations

from collections.abc import Iterable

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.tensors import IMAGE, PIXELS, inputs_of, outputs_of
from edgesegd.models.spec import ModelSpec
from edgesegd.version import __version__

SERVER, PLATFORM = "edgesegd", "tflite"
DATA_TYPES = {
    "BYTES": pb.TYPE_STRING,
    "FP32": pb.TYPE_FP32,
    "BOOL": pb.TYPE_BOOL,
    "UINT8": pb.TYPE_UINT8,
    "UINT16": pb.TYPE_UINT16,
    "UINT32": pb.TYPE_UINT32,
    "UINT64": pb.TYPE_UINT64,
    "INT8": pb.TYPE_INT8,
    "INT16": pb.TYPE_INT16,
    "INT32": pb.TYPE_INT32,
    "INT64": pb.TYPE_INT64,
}
"""Names of the protocol's datatypes in a model configuration."""
RAW_IMAGE = f"or {PIXELS} [height, width, 3]: red, green, blue"


def server_metadata(extensions: Iterable[str]) -> pb.ServerMetadataResponse:
    """The answer to ServerMetadata."""
    return pb.ServerMetadataResponse(name=SERVER, version=__version__, extensions=extensions)


def model_metadata(model: ModelSpec) -> pb.ModelMetadataResponse:
    """The answer to ModelMetadata."""
    metadata = pb.ModelMetadataResponse.TensorMetadata
    return pb.ModelMetadataResponse(
        name=model.name,
        versions=[model.version],
        platform=PLATFORM,
        inputs=[
            metadata(name=each.name, datatype=each.datatype, shape=each.shape)
            for each in inputs_of(model)
        ],
        outputs=[
            metadata(name=each.name, datatype=each.datatype, shape=each.shape)
            for each in outputs_of(model).values()
        ],
    )


def model_config(model: ModelSpec) -> pb.ModelConfigResponse:
    """The answer to ModelConfig."""
    parameters = {
        "version": model.version,
        "sha256": model.sha256,
        "classes": ",".join(each.name for each in model.classes),
        f"input.{IMAGE}": RAW_IMAGE,
    }
    config = pb.ModelConfig(
        name=model.name,
        platform=PLATFORM,
        backend=SERVER,
        max_batch_size=0,
        input=[
            pb.ModelInput(
                name=each.name, data_type=DATA_TYPES[each.datatype], dims=each.shape, optional=True
            )
            for each in inputs_of(model)
        ],
        output=[
            pb.ModelOutput(name=each.name, data_type=DATA_TYPES[each.datatype], dims=each.shape)
            for each in outputs_of(model).values()
        ],
        parameters={
            name: pb.ModelParameter(string_value=each) for name, each in parameters.items()
        },
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )
    return pb.ModelConfigResponse(config=config)
