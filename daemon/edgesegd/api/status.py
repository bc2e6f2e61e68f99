"""The gRPC status with which a call ends after an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from edgesegd.core import errors

Code = grpc.StatusCode

STATUS_KEY = "edgeseg-status"
"""Key of trailing metadata that shows that a status is the daemon's own, not a proxy's."""

StatusTable = Mapping[type[errors.EdgesegError], Code]

STATUS_OF: StatusTable = {
    errors.InvalidFrame: Code.INVALID_ARGUMENT,
    errors.InvalidOptions: Code.INVALID_ARGUMENT,
    errors.Unimplemented: Code.UNIMPLEMENTED,
    errors.Unauthenticated: Code.UNAUTHENTICATED,
    errors.Forbidden: Code.PERMISSION_DENIED,
    errors.UnknownModel: Code.NOT_FOUND,
    errors.UnknownRegion: Code.NOT_FOUND,
    errors.RegionExists: Code.ALREADY_EXISTS,
    errors.Superseded: Code.ABORTED,
    errors.Expired: Code.DEADLINE_EXCEEDED,
    errors.DeadlineOver: Code.DEADLINE_EXCEEDED,
    errors.Overloaded: Code.RESOURCE_EXHAUSTED,
    errors.EngineFailed: Code.FAILED_PRECONDITION,
    errors.NoEngine: Code.UNAVAILABLE,
    errors.Draining: Code.UNAVAILABLE,
    errors.InternalFault: Code.INTERNAL,
}


def grpc_status(error: errors.EdgesegError, table: StatusTable = STATUS_OF) -> Code:
    """The status of an RPC that failed with `error`."""
    return table[type(error)]


def trailing_metadata(error: errors.EdgesegError) -> tuple[tuple[str, str], ...]:
    """The trailing metadata of an RPC that failed with `error`.

    It shows that the status is the daemon's own, not a proxy's, and when to try again, in the form
    that gRPC's own retries use (gRFC A6).
    """
    own = (STATUS_KEY, error.outcome.upper())
    if isinstance(error, errors.Overloaded):
        return own, ("grpc-retry-pushback-ms", str(math.ceil(error.retry_after * 1000)))
    return (own,)


async def abort_with(
    context: grpc.aio.ServicerContext[Any, Any],
    error: errors.EdgesegError,
    table: StatusTable = STATUS_OF,
) -> None:
    """End the call with the status of `error`."""
    await context.abort(grpc_status(error, table), str(error), trailing_metadata(error))
