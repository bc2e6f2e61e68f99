"""The parameters of requests, inputs and outputs: named values of several types."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.core.errors import InvalidOptions

Parameters = Mapping[str, pb.InferParameter]
NUMBERS = ("int64_param", "uint64_param")


def require_known(parameters: Parameters, known: Collection[str], where: str) -> None:
    """Raise InvalidOptions for a parameter that `where` cannot have."""
    unknown = sorted(set(parameters).difference(known))
    if unknown:
        can_be = ", ".join(known) or "none"
        raise InvalidOptions(f"{where} has no parameter {unknown[0]!r}; known: {can_be}")


def whole_number(parameters: Parameters, name: str) -> int:
    """A number that is not negative; 0 if it is not given. Raises InvalidOptions."""
    if name not in parameters:
        return 0
    kind = parameters[name].WhichOneof("parameter_choice")
    value = getattr(parameters[name], kind) if kind in NUMBERS else -1
    if value < 0:
        raise InvalidOptions(f"the parameter {name!r} is a whole number, 0 or more")
    return int(value)


def string(parameters: Parameters, name: str) -> str:
    """A string; empty if it is not given. Raises InvalidOptions."""
    if name not in parameters:
        return ""
    if parameters[name].WhichOneof("parameter_choice") != "string_param":
        raise InvalidOptions(f"the parameter {name!r} is a string")
    return parameters[name].string_param


def boolean(parameters: Parameters, name: str) -> bool:
    """A bool; False if it is not given. Raises InvalidOptions."""
    if name not in parameters:
        return False
    if parameters[name].WhichOneof("parameter_choice") != "bool_param":
        raise InvalidOptions(f"the parameter {name!r} is true or false")
    return parameters[name].bool_param
