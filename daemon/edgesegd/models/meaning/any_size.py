"""Gives a graph that takes pictures of any size lengths to follow its rows and columns by."""

from __future__ import annotations

from dataclasses import replace

from edgesegd.models.meaning.axes import VARYING
from edgesegd.models.tflite.graph import Graph, Tensor


def with_lengths(graph: Graph) -> Graph:
    """The graph with a length in place of 1 where dimensions may vary.

    Files of any size say 1 there, and a row of one pixel looks like a column.
    """
    if all(each.has_fixed_size for each in graph.tensors):
        return graph
    return replace(graph, tensors=tuple(_with_lengths(each) for each in graph.tensors))


def _with_lengths(tensor: Tensor) -> Tensor:
    shape, signature = tensor.spec.shape, tensor.signature
    if tensor.has_fixed_size or len(shape) != len(signature):
        return tensor
    lengths = (
        VARYING if at > 0 and length == 1 and varies == -1 else length
        for at, (length, varies) in enumerate(zip(shape, signature, strict=True))
    )
    return replace(tensor, spec=replace(tensor.spec, shape=tuple(lengths)))
