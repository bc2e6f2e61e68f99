"""Reads one graph of a `.tflite` file: its tensors and its operators, all verified.

Field numbers are those of the tables SubGraph, Tensor, QuantizationParameters and Operator in
TFLite's `schema.fbs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import TypeVar

from edgesegd.models.spec import TensorSpec
from edgesegd.models.tflite.flatbuffer import INT32, INT64, UINT8, UINT32, UINT64, Malformed, Table
from edgesegd.models.tflite.schema import ELEMENT_TYPES

_MAX_DIMENSIONS = 16
_QUANTIZED = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-(1 << 15), (1 << 15) - 1)}
"""The types of quantized tensors, and the numbers that they hold."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; `signature` is its shape with -1 for each dimension that may vary.

    `content` is the bytes of a constant, and empty for a tensor that the graph computes.
    """

    spec: TensorSpec
    signature: tuple[int, ...]
    content: memoryview

    def __str__(self) -> str:
        shape = self.spec.shape if self.has_fixed_size else self.signature
        return f"{shape} of {self.spec.dtype}"

    @property
    def has_fixed_size(self) -> bool:
        """Whether all dimensions but the first, the batch, are fixed."""
        return -1 not in self.signature[1:]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its builtin name, or "CUSTOM" and its own name, and its tensors' positions.

    A position is -1 if an optional input is missing. `options` is a table that the schema defines
    for each kind of operator.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None
    custom: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph; `inputs` and `outputs` are positions in `tensors`.

    `producers` has the first operator that writes a tensor, by the tensor's position.
    """

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]
    producers: Mapping[int, Operator]

    def producer(self, tensor: int) -> Operator | None:
        """The operator that writes a tensor; None if no operator does."""
        return self.producers.get(tensor)


def parse_graph(
    table: Table,
    operator_names: Sequence[tuple[str, str]],
    buffers: Sequence[memoryview],
    file_size: int,
) -> Graph:
    """Read a SubGraph table; raises `Malformed` if anything in it is not valid."""
    table.text(4)
    tensors = tuple(_tensor(each, buffers) for each in table.tables(0))
    operators = tuple(
        _operator(each, operator_names, len(tensors), file_size) for each in table.tables(3)
    )
    return Graph(
        tensors=tensors,
        inputs=_positions(table, 1, len(tensors)),
        outputs=_positions(table, 2, len(tensors)),
        operators=operators,
        producers={
            tensor: operator for operator in reversed(operators) for tensor in operator.outputs
        },
    )


def pick(items: Sequence[_Item], position: int, what: str) -> _Item:
    """The item at a position from the file; raises `Malformed` if there is none."""
    if not 0 <= position < len(items):
        raise Malformed(
            f"the file is damaged: it refers to {what} {position}, but has {len(items)} of them"
        )
    return items[position]


def _tensor(table: Table, buffers: Sequence[memoryview]) -> Tensor:
    """Read a tensor; checks that constant content is as large as its shape needs."""
    code = table.integer(1, UINT8)
    dtype, bits = ELEMENT_TYPES.get(code, (f"type {code}", 0))
    shape = table.integers(0, INT32)
    name = table.text(3)
    if len(shape) > _MAX_DIMENSIONS:
        raise Malformed(f"the file is damaged: tensor {name!r} has {len(shape)} dimensions")
    content = pick(buffers, table.integer(2, UINT32), "buffer")
    is_sparse = table.table(6) is not None
    needed = 0 if is_sparse else (prod(shape) * bits + 7) // 8
    if 0 < len(content) < needed:
        raise Malformed(
            f"the file is damaged or cut off: tensor {name!r} has {len(content)} bytes of "
            f"content, but needs {needed}"
        )
    scale, zero_point = _quantization(table.table(4), dtype)
    return Tensor(
        spec=TensorSpec(name, shape, dtype, scale, zero_point),
        signature=table.integers(7, INT32) or shape,
        content=content,
    )


def _quantization(table: Table | None, dtype: str) -> tuple[float, int]:
    """Scale and zero point of the whole tensor; (0.0, 0) if it has none, or one per channel."""
    if table is None:
        return 0.0, 0
    scales = table.floats(2)
    zero_points = table.integers(3, INT64)
    if len(scales) != 1 or dtype not in _QUANTIZED:
        return 0.0, 0
    if not (isfinite(scales[0]) and scales[0] > 0):
        raise Malformed(f"the file is damaged: a tensor has the quantization scale {scales[0]}")
    zero_point, (lowest, highest) = zero_points[0] if zero_points else 0, _QUANTIZED[dtype]
    if not lowest <= zero_point <= highest:
        raise Malformed(f"the file is damaged: a tensor has the zero point {zero_point}")
    return scales[0], zero_point


def _operator(
    table: Table, names: Sequence[tuple[str, str]], tensor_count: int, file_size: int
) -> Operator:
    """Read an operator; checks that its options, if it has any, are within the file."""
    options, _ = table.table(4), table.table(12)
    table.blob(5)
    if table.integer(9, UINT64) + table.integer(10, UINT64) > file_size:
        raise Malformed("the file is cut off: the options of an operator are missing")
    name, custom = pick(names, table.integer(0, UINT32), "operator code")
    return Operator(
        name=name,
        custom=custom,
        inputs=_positions(table, 1, tensor_count, lowest=-1),
        outputs=_positions(table, 2, tensor_count),
        options=options,
    )


def _positions(table: Table, field: int, tensor_count: int, lowest: int = 0) -> tuple[int, ...]:
    """A vector of tensor positions, each of them within the graph."""
    positions = table.integers(field, INT32)
    for position in positions:
        if not lowest <= position < tensor_count:
            raise Malformed(
                f"the file is damaged: it refers to tensor {position}, but has {tensor_count}"
            )
    return positions
