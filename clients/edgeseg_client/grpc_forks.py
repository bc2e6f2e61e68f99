"""Imports gRPC without its own handlers of forks; to be imported before anything imports gRPC.

Newer ones have those handlers by default, for their other side than asyncio's. With a call of
asyncio's on its way they start threads in the child that read the parent's connections and crash,
whatever the child does (grpcio 1.85). GRPC_ENABLE_FORK_SUPPORT says otherwise, and is read once, as
gRPC is imported.
"""

from __future__ import annotations

import os
import sys
from typing import Final

_VARIABLE: Final = "GRPC_ENABLE_FORK_SUPPORT"

if "grpc" not in sys.modules and _VARIABLE not in os.environ:
    os.environ[_VARIABLE] = "0"
    try:
        import grpc  # noqa: F401
    finally:
        del os.environ[_VARIABLE]  # programs that this one starts may think otherwise
