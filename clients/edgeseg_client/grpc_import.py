"""Imports gRPC with two precautions; import this module before anything else imports gRPC.

Newer versions install fork handlers by default, which are made for gRPC's synchronous API. If a
process forks during a call of the asyncio API, they start threads in the child, which read the
parent's connections and crash the child (grpcio 1.85). So this module turns them off with
GRPC_ENABLE_FORK_SUPPORT, unless the variable is set. gRPC reads it once, when it is imported.

Older versions open a descriptor when they are imported (grpcio 1.51). If a standard stream of the
process is closed, gRPC would get its number, and what the program prints would be written to gRPC.
So this module occupies the numbers of closed standard streams during the import.
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
        del os.environ[_VARIABLE]  # programs that this process starts are not affected


@contextmanager
def _without_standard_descriptors() -> Iterator[None]:
    opened = open_standard_descriptors()
    try:
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)


def fork_handlers_are_on() -> bool:
    """Whether gRPC has its fork handlers, because other code imported it first."""
    return not _IMPORTED_HERE and os.environ.get(_VARIABLE, "1").lower() not in _OFF


_IMPORTED_HERE: Final = "grpc" not in sys.modules
_OFF: Final = ("0", "false", "no")
if _IMPORTED_HERE:
    with _without_fork_support(), _without_standard_descriptors():
        import grpc  # noqa: F401
