"""Imports gRPC so that it harms nobody; to be imported before anything imports gRPC.

Its own handlers of forks, which newer ones have by default, are for its other side than asyncio's.
With a call of asyncio's on its way they start threads in the child that read the parent's
connections and crash, whatever the child does (grpcio 1.85). GRPC_ENABLE_FORK_SUPPORT says
otherwise, and is read once, as gRPC is imported.

Older ones open a descriptor as they are imported (grpcio 1.51). In a process whose standard streams
are closed it would be one of theirs, and what is written there would reach gRPC.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from edgeseg_client.descriptors import open_standard_descriptors

_VARIABLE: Final = "GRPC_ENABLE_FORK_SUPPORT"


@contextmanager
def _without_fork_support() -> Iterator[None]:
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = "0"
    try:
        yield
    finally:
        del os.environ[_VARIABLE]  # programs that this one starts may think otherwise


@contextmanager
def _without_standard_descriptors() -> Iterator[None]:
    opened = open_standard_descriptors()
    try:
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)


def fork_handlers_are_on() -> bool:
    """Whether gRPC has its handlers of forks after all: somebody else imported it before."""
    return not _IMPORTED_HERE and os.environ.get(_VARIABLE, "1").lower() not in _OFF


_IMPORTED_HERE: Final = "grpc" not in sys.modules
_OFF: Final = ("0", "false", "no")
if _IMPORTED_HERE:
    with _without_fork_support(), _without_standard_descriptors():
        import grpc  # noqa: F401
