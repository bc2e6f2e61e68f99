"""The gRPC statuses that Triton has for errors."""

from __future__ import annotations

import grpc

from edgesegd.api.status import StatusTable
from edgesegd.core import errors

Code = grpc.StatusCode

OIP_STATUS_OF: StatusTable = {
    errors.InvalidFrame: Code.INVALID_ARGUMENT,
    errors.InvalidOptions: Code.INVALID_ARGUMENT,
    errors.Unimplemented: Code.UNIMPLEMENTED,
    errors.Unauthenticated: Code.UNAUTHENTICATED,
    errors.Forbidden: Code.PERMISSION_DENIED,
    errors.UnknownModel: Code.NOT_FOUND,
    errors.UnknownRegion: Code.NOT_FOUND,
    errors.RegionExists: Code.ALREADY_EXISTS,
    errors.Superseded: Code.UNAVAILABLE,
    errors.Expired: Code.UNAVAILABLE,
    errors.DeadlineOver: Code.DEADLINE_EXCEEDED,
    errors.Overloaded: Code.UNAVAILABLE,
    errors.EngineFailed: Code.INTERNAL,
    errors.NoEngine: Code.UNAVAILABLE,
    errors.Draining: Code.UNAVAILABLE,
    errors.InternalFault: Code.INTERNAL,
}
"""Expired is UNAVAILABLE, as in Triton where a request waited longer than its `timeout`."""
