"""Counts how many operators of a graph a delegate runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Operator = Mapping[str, Any]
"""As `_get_ops_details` of the interpreter returns it: index, op_name, inputs, outputs (tensors).
"""
DELEGATE = "DELEGATE"


def count_delegated(operators: Iterable[Operator]) -> tuple[int, int]:
    """How many of the model's operators a delegate runs, and how many there are.

    The interpreter lists all operators of the model, delegated or not, and one node for each part
    that is delegated. Such a node stands for the operators between its inputs and its outputs.
    """
    own = [operator for operator in operators if operator["op_name"] != DELEGATE]
    parts = [operator for operator in operators if operator["op_name"] == DELEGATE]
    producer = {int(tensor): operator for operator in own for tensor in operator["outputs"]}
    delegated: set[int] = set()
    for part in parts:
        border = {int(tensor) for tensor in part["inputs"]}
        pending = [int(tensor) for tensor in part["outputs"]]
        while pending:
            tensor = pending.pop()
            operator = producer.get(tensor)
            if tensor in border or operator is None or operator["index"] in delegated:
                continue
            delegated.add(operator["index"])
            pending += map(int, operator["inputs"])
    return len(delegated), len(own)
