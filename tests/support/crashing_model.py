"""A model that crashes the runtime: a subgraph that runs itself, until there is no stack left."""

from __future__ import annotations

from pathlib import Path

import pytest


def crashing_model(path: Path, *, size: int = 8) -> Path:
    """A model with an input and an output of `size` x `size` x 3, float32."""
    reason = "writes the model; comes with ai-edge-litert"
    flatbuffers = pytest.importorskip("flatbuffers", reason=reason)
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = [1]
    for name, shape, kind, buffer in (
        ("image", [1, size, size, 3], "FLOAT32", 0),
        ("condition", [1], "BOOL", 1),
        ("mask", [1, size, size, 3], "FLOAT32", 0),
    ):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, shape, buffer
        tensor.type = getattr(schema.TensorType, kind)
        graph.tensors = [*(graph.tensors or []), tensor]
    graph.inputs, graph.outputs = [0], [2]
    node, code = schema.OperatorT(), schema.OperatorCodeT()
    node.inputs, node.outputs = [1, 0], [2]
    node.builtinOptionsType = schema.BuiltinOptions.IfOptions
    node.builtinOptions = schema.IfOptionsT()
    node.builtinOptions.thenSubgraphIndex = node.builtinOptions.elseSubgraphIndex = 0
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.IF
    graph.operators = [node]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path
