"""The status that a call ends with where something goes wrong."""

from __future__ import annotations

from typing import Any

import grpc.aio

from edgesegd.core.errors import EdgesegError
from edgesegd.edges.status import grpc_status, trailing_metadata


async def abort_with(context: grpc.aio.ServicerContext[Any, Any], error: EdgesegError) -> None:
    """End the call with the status of what went wrong."""
    await context.abort(grpc_status(error), str(error), trailing_metadata(error))
