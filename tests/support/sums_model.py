"""A model that adds, and its twin for the test delegate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest


def sums_model(
    path: Path, operator: str, activations: Sequence[str], *, size: int = 8, detours: int = 0
) -> Path:
    """A model that adds its input to itself once for each activation, then adds up the results.

    With the operator "CUSTOM" it is compiled for the test delegate. `size` is of both sides of the
    picture; so many `detours` before all else cost time and change no number that is not negative.
    """
    reason = "writes the model; comes with ai-edge-litert"
    flatbuffers = pytest.importorskip("flatbuffers", reason=reason)
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator)
    code.customCode = "edgetpu-custom-op" if operator == "CUSTOM" else None
    detour = schema.OperatorCodeT()
    detour.builtinCode = detour.deprecatedBuiltinCode = schema.BuiltinOperator.ELU
    graph.tensors, graph.operators = [], []

    def add(left: int, right: int, activation: str) -> int:
        node = schema.OperatorT()
        node.inputs, node.outputs = [left, right], [len(graph.tensors)]
        if operator == "ADD":
            node.builtinOptionsType = schema.BuiltinOptions.AddOptions
            node.builtinOptions = schema.AddOptionsT()
            node.builtinOptions.fusedActivationFunction = getattr(
                schema.ActivationFunctionType, activation
            )
        graph.operators.append(node)
        return tensor()

    def tensor() -> int:
        graph.tensors.append(schema.TensorT())
        graph.tensors[-1].shape = [1, size, size, 3]
        graph.tensors[-1].name = f"tensor {len(graph.tensors)}"
        return len(graph.tensors) - 1

    def go_round(source: int) -> int:
        node = schema.OperatorT()
        node.opcodeIndex, node.inputs, node.outputs = 1, [source], [len(graph.tensors)]
        graph.operators.append(node)
        return tensor()

    graph.inputs = [tensor()]
    source = graph.inputs[0]
    for _ in range(detours):
        source = go_round(source)
    results = [add(source, source, each) for each in activations]
    total = results[0]
    for each in results[1:]:
        total = add(total, each, "NONE")
    graph.outputs = [total]
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [code, detour], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path
