"""Writes small `.tflite` graphs, operator by operator, that a runtime can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Shape = tuple[int, ...]

_OPTIONS = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DIV": "DivOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MUL": "MulOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNPACK": "UnpackOptions",
}


class GraphWriter:
    """A graph in the making; a tensor is named by its number."""

    def __init__(self, image: Shape = (1, 8, 8, 3), dtype: str = "float32", **more: Any) -> None:  # noqa: ANN401 # of `tensor`
        reason = "writes the model; comes with ai-edge-litert"
        self._flatbuffers = pytest.importorskip("flatbuffers", reason=reason)
        self._schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
        self._model, self._graph = self._schema.ModelT(), self._schema.SubGraphT()
        self._model.version, self._model.buffers = 3, [self._schema.BufferT()]
        self._model.operatorCodes, self._model.subgraphs = [], [self._graph]
        self._graph.tensors, self._graph.operators = [], []
        self.image = self.tensor(image, dtype, **more)

    def tensor(
        self,
        shape: Shape,
        dtype: str = "float32",
        *,
        name: str = "",
        scale: float = 0.0,
        zero_point: int = 0,
        signature: Shape | None = None,
        buffer: int = 0,
    ) -> int:
        """Add a tensor."""
        schema, tensor = self._schema, self._schema.TensorT()
        tensor.shape, tensor.buffer = list(shape), buffer
        tensor.name = name or f"tensor {len(self._graph.tensors)}"
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if signature:
            tensor.shapeSignature = list(signature)
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, content: Any, dtype: str = "float32", *, scale: float = 0.0) -> int:  # noqa: ANN401 # array-like
        """Add a constant tensor."""
        array: npt.NDArray[Any] = np.asarray(content, dtype)
        buffer = self._schema.BufferT()
        buffer.data = list(array.tobytes())
        self._model.buffers.append(buffer)
        at = len(self._model.buffers) - 1
        return self.tensor(array.shape, dtype, scale=scale, buffer=at)

    def add(
        self,
        operator: str,
        inputs: Sequence[int],
        shape: Shape,
        dtype: str = "float32",
        options: Mapping[str, Any] | None = None,
        **more: Any,  # noqa: ANN401 # of `tensor`
    ) -> int:
        """Add an operator with one output; one that TFLite does not know is a custom one."""
        schema, code, node = self._schema, self._schema.OperatorCodeT(), self._schema.OperatorT()
        number = getattr(schema.BuiltinOperator, operator, schema.BuiltinOperator.CUSTOM)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        if number == schema.BuiltinOperator.CUSTOM:
            code.customCode = operator
        self._model.operatorCodes.append(code)
        node.opcodeIndex, node.inputs = len(self._model.operatorCodes) - 1, list(inputs)
        node.outputs = [self.tensor(shape, dtype, **more)]
        if kind := _OPTIONS.get(operator):
            node.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            node.builtinOptions = getattr(schema, f"{kind}T")()
            for key, value in {**_DEFAULTS.get(operator, {}), **(options or {})}.items():
                setattr(node.builtinOptions, key, value)
        if operator == "ARG_MAX":
            node.builtinOptions.outputType = getattr(schema.TensorType, dtype.upper())
        self._graph.operators.append(node)
        return int(node.outputs[0])

    def add_several(
        self,
        operator: str,
        inputs: Sequence[int],
        shapes: Sequence[Shape],
        options: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Add an operator with several outputs."""
        first = self.add(operator, inputs, shapes[0], options=options)
        outputs = [first, *(self.tensor(each) for each in shapes[1:])]
        self._graph.operators[-1].outputs = outputs
        return outputs

    def scores(self, classes: int = 4, source: int | None = None, seed: int = 0) -> int:
        """A 1x1 convolution of the picture, or of another tensor, to scores."""
        at = self.image if source is None else source
        *rest, channels = self._graph.tensors[at].shape
        weights = np.random.default_rng(seed).normal(0, 1, (classes, 1, 1, channels))
        bias = self.constant(np.zeros(classes))
        return self.add("CONV_2D", [at, self.constant(weights), bias], (*rest, classes))

    def shape(self, tensor: int) -> Shape:
        """The shape of a tensor."""
        return tuple(self._graph.tensors[tensor].shape)

    def is_computed(self, tensor: int) -> bool:
        """Whether a tensor is no constant."""
        return not self._graph.tensors[tensor].buffer

    def vary(self, tensor: int, signature: Shape) -> None:
        """Let dimensions of a tensor vary, where `signature` is -1."""
        self._graph.tensors[tensor].shapeSignature = list(signature)

    def write(self, *outputs: int, names: Sequence[str] = (), metadata: bytes = b"") -> bytes:
        """The file; `names` are those of the outputs in its signature.

        `metadata` is TFLite Metadata; the files that they name must be appended.
        """
        if metadata:
            described, buffer = self._schema.MetadataT(), self._schema.BufferT()
            described.name, described.buffer = "TFLITE_METADATA", len(self._model.buffers)
            buffer.data = list(metadata)
            self._model.buffers.append(buffer)
            self._model.metadata = [described]
        self._graph.inputs, self._graph.outputs = [self.image], list(outputs)
        if names:
            signature = self._schema.SignatureDefT()
            signature.signatureKey, signature.subgraphIndex = "serving_default", 0
            signature.inputs = [self._named("image", self.image)]
            signature.outputs = [
                self._named(name, at) for name, at in zip(names, outputs, strict=True)
            ]
            self._model.signatureDefs = [signature]
        builder = self._flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _named(self, name: str, tensor: int) -> Any:  # noqa: ANN401 # untyped package
        named = self._schema.TensorMapT()
        named.name, named.tensorIndex = name, tensor
        return named


_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "CONV_2D": {"strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1},
    "CONCATENATION": {"axis": 3},
    "DEPTHWISE_CONV_2D": {
        "strideW": 1,
        "strideH": 1,
        "dilationWFactor": 1,
        "dilationHFactor": 1,
        "depthMultiplier": 1,
    },
    "FULLY_CONNECTED": {"keepNumDims": True},
    "SOFTMAX": {"beta": 1.0},
    "SUM": {"keepDims": True},
    "TRANSPOSE_CONV": {"strideW": 1, "strideH": 1},
}
