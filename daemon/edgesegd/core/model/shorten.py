"""A `.tflite` file without the end of its graph, edited in memory.

Field numbers are those of the tables Model, SubGraph, SignatureDef and TensorMap in TFLite's
`schema.fbs`.
"""

from __future__ import annotations

from edgesegd.core.model.file_bytes import read_model_bytes
from edgesegd.core.model.flatbuffer import INT32, UINT32, FlatBuffer, Table
from edgesegd.core.model.spec import ModelSpec, Upsampling


def shortened_content(model: ModelSpec) -> bytes | None:
    """What a runtime is given in the place of the model's file; None where the file will do."""
    if model.upsampling is None:
        return None
    return shorten_graph(read_model_bytes(model.path), model.upsampling)


def shorten_graph(data: bytes, upsampling: Upsampling) -> bytes:
    """The file whose graph ends where `upsampling` begins; `data` is the whole one, and checked.

    Nothing moves: operators are taken out of the list of them, and the output is another tensor.
    What nobody refers to any more stays in the file and costs the runtime nothing.
    """
    short = bytearray(data)
    model = FlatBuffer(data).root()
    graph = model.tables(2)[0]
    full = _take_out_operators(short, data, graph, upsampling)
    start, count = graph.vector(2, INT32.size)
    for at in range(start, start + count * INT32.size, INT32.size):
        _redirect(short, at, full, upsampling.position)
    for signature in model.tables(7):
        for output in signature.tables(1):
            at_index = output.place(1, UINT32.size)
            if at_index is not None:
                _redirect(short, at_index, full, upsampling.position)
    return bytes(short)


def _take_out_operators(short: bytearray, data: bytes, graph: Table, upsampling: Upsampling) -> int:
    """Close the gaps in the list of operators; the tensor that the last one wrote."""
    start, count = graph.vector(3, UINT32.size)
    places = [start + each * UINT32.size for each in range(count)]
    kept = [at for each, at in enumerate(places) if each not in upsampling.left_out]
    UINT32.pack_into(short, start - UINT32.size, len(kept))
    for to, at in zip(places, kept, strict=False):
        # An offset counts from where it stands.
        UINT32.pack_into(short, to, at + UINT32.unpack_from(data, at)[0] - to)
    last = graph.tables(3)[upsampling.left_out[0]]
    return last.integers(2, INT32)[0]


def _redirect(short: bytearray, at: int, old: int, new: int) -> None:
    if INT32.unpack_from(short, at)[0] == old:
        INT32.pack_into(short, at, new)
