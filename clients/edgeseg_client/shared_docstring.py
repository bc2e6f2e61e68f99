"""Descriptions of arguments that two things have in common, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

_Documented = TypeVar("_Documented", bound=Callable[..., Any])

_ARGUMENTS: Final = "\n\nArgs:\n"


def with_arguments_of(original: Callable[..., Any]) -> Callable[[_Documented], _Documented]:
    """Appends the description of the arguments of `original` to a docstring, for `help()`."""
    _, heading, arguments = (inspect.getdoc(original) or "").partition(_ARGUMENTS)

    def append(documented: _Documented) -> _Documented:
        own = inspect.getdoc(documented)
        if own and heading:  # with `python -OO` there are no docstrings
            documented.__doc__ = own + heading + arguments
        return documented

    return append
