"""Models that end in a resize of small scores, as segmentation models do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

ALIGN, HALF, PLAIN = (True, False), (False, True), (False, False)
"""`align_corners` and `half_pixel_centers`."""
SCALE, ZERO_POINT = 0.1, {"uint8": 100, "int8": -7}


@dataclass(frozen=True)
class Head:
    """What the graph is, from its input of the small size to its end.

    A 1x1 convolution makes `classes` scores, in `dtype`; then come so many resizes that change
    nothing, the resize to `large` (height, width), and the operators `after` it.
    """

    small: tuple[int, int] = (5, 7)
    large: tuple[int, int] = (33, 47)
    flags: tuple[bool, bool] = ALIGN
    classes: int = 4
    dtype: str = "float32"
    identities: int = 1
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    axis: int = -1
    labels: str = "int32"
    second_user: bool = False


def upsampling_model(folder: Path, head: Head, weights: npt.NDArray[np.float32]) -> Path:
    """Write it, with a sidecar; `weights` are classes x 3."""
    path = folder / "head.tflite"
    path.write_bytes(_Writer(head).write(weights))
    sidecar = "[input]\nmean = 0\nstd = 1\n"
    # As large as they are, these may be pictures.
    if head.classes == 3 and not head.before and not head.after:
        sidecar += '[output]\nkind = "logits"\n'
    elif head.classes == 1 and "LOGISTIC" in (*head.before, *head.after):
        sidecar += '[output]\nkind = "probability"\n'
    path.with_suffix(".toml").write_text(sidecar)
    return path


class _Writer:
    def __init__(self, head: Head) -> None:
        reason = "writes the model; comes with ai-edge-litert"
        self._flatbuffers = pytest.importorskip("flatbuffers", reason=reason)
        self._schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
        self._head = head
        self._model, self._graph = self._schema.ModelT(), self._schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.version, self._model.buffers = 3, [self._schema.BufferT()]
        self._model.operatorCodes, self._model.subgraphs = [], [self._graph]

    def write(self, weights: npt.NDArray[np.float32]) -> bytes:
        head = self._head
        self._graph.inputs = [self._tensor((1, *head.small, 3))]
        kernel = self._constant(weights.reshape(head.classes, 1, 1, 3).astype(np.float32))
        bias = self._constant(np.zeros(head.classes, np.float32))
        shape = (1, *head.small, head.classes)
        last = self._operate("CONV_2D", [self._graph.inputs[0], kernel, bias], shape, "float32")
        if head.dtype != "float32":
            last = self._operate("QUANTIZE", [last], shape, head.dtype)
        for name in head.before:
            last = self._operate(name, [last], shape, head.dtype)
        scores = last
        for _ in range(head.identities):
            last = self._resize(last, head.small)
        last = self._resize(last, head.large)
        for name in head.after:
            last = self._finish(name, last)
        self._graph.outputs = [last]
        if head.second_user:
            self._graph.outputs.append(self._operate("LOGISTIC", [scores], shape, head.dtype))
        builder = self._flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _finish(self, name: str, source: int) -> int:
        if name == "ARG_MAX":
            axis = self._constant(np.array(self._head.axis, np.int32))
            return self._operate(name, [source, axis], (1, *self._head.large), self._head.labels)
        return self._operate(name, [source], (1, *self._head.large, self._head.classes), "float32")

    def _resize(self, source: int, size: tuple[int, int]) -> int:
        target = self._constant(np.array(size, np.int32))
        shape = (1, *size, self._head.classes)
        return self._operate("RESIZE_BILINEAR", [source, target], shape, self._head.dtype)

    def _operate(self, name: str, inputs: list[int], shape: tuple[int, ...], dtype: str) -> int:
        schema, code, node = self._schema, self._schema.OperatorCodeT(), self._schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = 3 if name == "RESIZE_BILINEAR" else 1
        self._model.operatorCodes.append(code)
        node.opcodeIndex, node.inputs = len(self._model.operatorCodes) - 1, inputs
        node.outputs = [self._tensor(shape, dtype)]
        options = {
            "RESIZE_BILINEAR": "ResizeBilinearOptions",
            "ARG_MAX": "ArgMaxOptions",
            "CONV_2D": "Conv2DOptions",
            "SOFTMAX": "SoftmaxOptions",
        }.get(name)
        if options:
            node.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            node.builtinOptions = getattr(schema, f"{options}T")()
        if name == "RESIZE_BILINEAR":
            node.builtinOptions.alignCorners, node.builtinOptions.halfPixelCenters = (
                self._head.flags
            )
        elif name == "ARG_MAX":
            node.builtinOptions.outputType = getattr(schema.TensorType, self._head.labels.upper())
        elif name == "CONV_2D":
            node.builtinOptions.strideW = node.builtinOptions.strideH = 1
            node.builtinOptions.dilationWFactor = node.builtinOptions.dilationHFactor = 1
        elif name == "SOFTMAX":
            node.builtinOptions.beta = 1.0
        self._graph.operators.append(node)
        return int(node.outputs[0])

    def _constant(self, content: npt.NDArray[Any]) -> int:
        buffer = self._schema.BufferT()
        buffer.data = list(content.tobytes())
        self._model.buffers.append(buffer)
        return self._tensor(content.shape, content.dtype.name, len(self._model.buffers) - 1)

    def _tensor(self, shape: tuple[int, ...], dtype: str = "float32", buffer: int = 0) -> int:
        schema, tensor = self._schema, self._schema.TensorT()
        tensor.shape, tensor.buffer = list(shape), buffer
        tensor.name = f"tensor {len(self._graph.tensors)}"
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if dtype in ZERO_POINT:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [SCALE], [ZERO_POINT[dtype]]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1
