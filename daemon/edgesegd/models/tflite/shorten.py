"""Edits a `.tflite` file in memory: cuts off the end of its graph, or keeps only that end.

Field numbers are those of the tables Model, SubGraph, SignatureDef and TensorMap in TFLite's
`schema.fbs`.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgesegd.models.spec import Upsampling
from edgesegd.models.tflite.flatbuffer import INT32, UINT32, FlatBuffer, Table

Edits = dict[int, bytes]
"""The bytes to write, by position."""


def shorten_graph(data: bytes, upsampling: Upsampling) -> bytes:
    """The file with a graph that ends where `upsampling` begins; `data` is a checked whole file.

    Nothing is moved: operators are removed from the list of operators, and the output becomes
    another tensor. Unused parts stay in the file, at no cost for the runtime.
    """
    model = FlatBuffer(data).root()
    graph = model.tables(2)[0]
    edits = _without_operators(data, graph, upsampling)
    last = graph.tables(3)[upsampling.left_out[0]]
    full = last.integers(2, INT32)[0]
    start, count = graph.vector(2, INT32.size)
    outputs = list(range(start, start + count * INT32.size, INT32.size))
    for signature in model.tables(7):
        places = (output.place(1, UINT32.size) for output in signature.tables(1))
        outputs += [at for at in places if at is not None]
    position = INT32.pack(upsampling.position)
    edits |= {at: position for at in outputs if INT32.unpack_from(data, at)[0] == full}
    return _edit(data, edits)


def keep_end(data: bytes, upsampling: Upsampling) -> bytes:
    """The file with a graph of only the operators that `shorten_graph` removes; `data` as there.

    Its one input is the small scores, its one output is that of the whole graph. It has no
    signatures, because these name tensors that are not computed any more.
    """
    model = FlatBuffer(data).root()
    graph = model.tables(2)[0]
    end = tuple(reversed(upsampling.left_out))
    last = graph.tables(3)[end[-1]].integers(2, INT32)[0]
    edits = _only_operators(data, graph, end)
    edits |= _only_tensor(graph, 1, upsampling.position) | _only_tensor(graph, 2, last)
    signatures, count = model.vector(7, UINT32.size)
    if count:
        edits[signatures - UINT32.size] = UINT32.pack(0)
    return _edit(data, edits)


def _only_tensor(graph: Table, field: int, tensor: int) -> Edits:
    """Make a tensor the only one in a list that has some."""
    start, _ = graph.vector(field, INT32.size)
    return {start - UINT32.size: UINT32.pack(1), start: INT32.pack(tensor)}


def _without_operators(data: bytes, graph: Table, upsampling: Upsampling) -> Edits:
    """Remove the end from the list of operators."""
    count = graph.vector(3, UINT32.size)[1]
    return _only_operators(
        data, graph, [each for each in range(count) if each not in upsampling.left_out]
    )


def _only_operators(data: bytes, graph: Table, wanted: Sequence[int]) -> Edits:
    """Keep only these operators, in this order, in the list of operators."""
    start, count = graph.vector(3, UINT32.size)
    places = [start + each * UINT32.size for each in range(count)]
    kept = [places[each] for each in wanted]
    edits = {start - UINT32.size: UINT32.pack(len(kept))}
    for to, at in zip(places, kept, strict=False):
        # An offset is relative to its own position.
        edits[to] = UINT32.pack(at + UINT32.unpack_from(data, at)[0] - to)
    return edits


def _edit(data: bytes, edits: Edits) -> bytes:
    """Apply the edits to one copy of `data`, since a model may be large."""
    view, pieces, end = memoryview(data), list[bytes | memoryview](), 0
    for at in sorted(edits):
        pieces += [view[end:at], edits[at]]
        end = at + len(edits[at])
    return b"".join([*pieces, view[end:]])
