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

    Each piece of metadata, by its name, is a view of the file's bytes.
    """

    graph: Graph
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
    names = [name for name, _ in codes]
    graphs = [parse_graph(each, names, buffers, len(file)) for each in model.tables(2)]
    _verify_the_rest(model)
    return TfliteFile(
        graph=pick(graphs, 0, "graph"),
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


def _verify_the_rest(model: Table) -> None:
    """Read the parts that are not needed too, to find out whether the file is cut off there."""
    model.text(3)
    for signature in model.tables(7):
        signature.text(2)
        for tensor_name in (*signature.tables(0), *signature.tables(1)):
            tensor_name.text(0)
