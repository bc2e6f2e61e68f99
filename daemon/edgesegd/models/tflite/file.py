"""Reads a `.tflite` file: its main graph and metadata; and checks that it is complete.

tflite-runtime 2.14 crashes on a file that is cut off, so every range is checked before a runtime
sees the file. Field numbers are those of the tables Model, OperatorCode, Buffer, Metadata and
SignatureDef in TFLite's `schema.fbs`.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.models.tflite.flatbuffer import (
    INT8,
    INT32,
    UINT32,
    UINT64,
    FlatBuffer,
    Malformed,
    Table,
)
from edgesegd.models.tflite.graph import Graph, parse_graph, pick
from edgesegd.models.tflite.schema import CUSTOM, IDENTIFIER, OPERATORS, VERSION


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """The main graph of a file, and the custom operators and the metadata of the whole file.

    `names` are those that the graph's signature gives to inputs and outputs, by their tensors'
    positions. Each piece of metadata, by its name, is a view of the file's bytes.
    """

    graph: Graph
    names: dict[int, str]
    custom_ops: tuple[str, ...]
    metadata: dict[str, memoryview]


def parse_tflite(data: bytes) -> TfliteFile:
    """Read a whole file.

    Raises `Malformed` if its structure shows that it is damaged or cut off. Weights that were
    overwritten in place cannot be noticed.
    """
    file = FlatBuffer(data)
    if file.identifier != IDENTIFIER:
        raise Malformed("this is not a TFLite file: the mark TFL3 is missing")
    model = file.root()
    if (version := model.integer(0, UINT32)) != VERSION:
        raise Malformed(f"its format has version {version}, but {VERSION} is needed")
    buffers = [_content(each, file) for each in model.tables(4)]
    codes = [_operator_code(each) for each in model.tables(1)]
    graphs = [parse_graph(each, codes, buffers, len(file)) for each in model.tables(2)]
    model.text(3)
    return TfliteFile(
        graph=pick(graphs, 0, "graph"),
        names=_signature_names(model),
        custom_ops=tuple(sorted({custom for _, custom in codes if custom})),
        metadata={
            each.text(0): pick(buffers, each.integer(1, UINT32), "buffer")
            for each in model.tables(6)
        },
    )


def _content(table: Table, file: FlatBuffer) -> memoryview:
    """The content of a buffer: inside the flatbuffer, or after it in files of over 2 GB."""
    offset = table.integer(1, UINT64)
    return file.piece(offset, table.integer(2, UINT64)) if offset > 1 else table.blob(0)


def _operator_code(table: Table) -> tuple[str, str]:
    """An operator's builtin name, and its own name if it is a custom operator.

    Codes above 127 are in a field that was added later; the older field is 127 then.
    """
    code = max(table.integer(0, INT8), table.integer(3, INT32))
    own_name = table.text(1)
    return OPERATORS.get(code, f"operator {code}"), own_name if code == CUSTOM else ""


def _signature_names(model: Table) -> dict[int, str]:
    """The names of the first signature of the main graph; all signatures are read and checked."""
    names: dict[int, str] = {}
    for signature in model.tables(7):
        signature.text(2)
        found = {
            each.integer(1, UINT32): each.text(0)
            for each in (*signature.tables(0), *signature.tables(1))
        }
        if signature.integer(4, UINT32) == 0 and not names:
            names = found
    return names
