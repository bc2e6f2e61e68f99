"""Reading a `.tflite` file: its main graph and metadata, and whether it is all there.

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
    """What a file holds: its main graph, and the custom operators and metadata of all of it.

    A piece of metadata is a view of the file's bytes, by its name.
    """

    graph: Graph
    custom_ops: tuple[str, ...]
    metadata: dict[str, memoryview]


def parse_tflite(data: bytes) -> TfliteFile:
    """Read a whole file.

    Raises `Malformed` where it is damaged or cut off in any way that can be known from its
    structure. Weights that were overwritten in place cannot.
    """
    file = FlatBuffer(data)
    if file.identifier != IDENTIFIER:
        raise Malformed("this is no TFLite file: the mark TFL3 is missing")
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
    """What a buffer holds: inside the flatbuffer, or behind it in files of over 2 GB."""
    offset = table.integer(1, UINT64)
    return file.piece(offset, table.integer(2, UINT64)) if offset > 1 else table.blob(0)


def _operator_code(table: Table) -> tuple[str, str]:
    """An operator's builtin name, and its own name where it is a custom one.

    Codes past 127 stand in a field that was added later; the older one then holds 127.
    """
    code = max(table.integer(0, INT8), table.integer(3, INT32))
    own_name = table.text(1)
    return OPERATORS.get(code, f"operator {code}"), own_name if code == CUSTOM else ""


def _verify_the_rest(model: Table) -> None:
    """Walk through what is not kept, so that a cut there is found as well."""
    model.text(3)
    for signature in model.tables(7):
        signature.text(2)
        for tensor_name in (*signature.tables(0), *signature.tables(1)):
            tensor_name.text(0)
