"""Writes small `.tflite` files with TensorFlow's own schema classes, for the reader's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

flatbuffers = pytest.importorskip("flatbuffers", reason="comes with ai-edge-litert")
schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="comes with ai-edge-litert"
)


@dataclass(frozen=True)
class T:
    """A tensor to write; `signature` has -1 for what may vary."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    scale: float = 0.0
    zero_point: int = 0
    signature: tuple[int, ...] | None = None


IMAGE = T((1, 8, 8, 3))
QUANTIZED_IMAGE = T((1, 8, 8, 3), "uint8", 1 / 128, 128)
LOGITS = T((1, 8, 8, 4))


def write_tflite(
    inputs: Sequence[T] = (IMAGE,),
    outputs: Sequence[T] = (LOGITS,),
    made_by: Sequence[str] = ("CONV_2D",),
    *,
    metadata: Mapping[str, bytes] | None = None,
    weights: bytes = bytes(64),
    weights_place: tuple[int, int] | None = None,
) -> bytes:
    """A model whose outputs are each made by a chain of operators from the first input.

    An operator that TFLite does not know is written as a custom one. The weights are a tensor of
    16 float32; `weights_place` puts offset and size in the place of their content.
    """
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description = 3, "made for a test"
    model.buffers = [schema.BufferT(), schema.BufferT()]
    if weights_place:
        model.buffers[1].offset, model.buffers[1].size = weights_place
    else:
        model.buffers[1].data = list(weights)
    graph.tensors = [_tensor(each, f"input {at}") for at, each in enumerate(inputs)]
    graph.inputs, graph.outputs, graph.operators = list(range(len(inputs))), [], []
    graph.tensors.append(_tensor(T((4, 4)), "weights", buffer=1))
    model.operatorCodes = [_operator_code(each) for each in made_by]
    for position, output in enumerate(outputs):
        source = 0
        for code in range(len(made_by)):
            graph.tensors.append(_tensor(output, f"output {position} after {code}"))
            operator = schema.OperatorT()
            operator.opcodeIndex = code
            operator.inputs, operator.outputs = [source], [len(graph.tensors) - 1]
            graph.operators.append(operator)
            source = len(graph.tensors) - 1
        graph.outputs.append(source)
    model.subgraphs = [graph]
    model.metadata = []
    for name, content in (metadata or {}).items():
        piece = schema.MetadataT()
        piece.name, piece.buffer = name, len(model.buffers)
        model.metadata.append(piece)
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = list(content)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(what: T, name: str, buffer: int = 0) -> object:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, list(what.shape), buffer
    tensor.type = getattr(schema.TensorType, what.dtype.upper())
    if what.signature:
        tensor.shapeSignature = list(what.signature)
    if what.scale:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [what.scale]
        tensor.quantization.zeroPoint = [what.zero_point]
    return tensor


def _operator_code(name: str) -> object:
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
    if number == schema.BuiltinOperator.CUSTOM:
        code.customCode = name
    return code
