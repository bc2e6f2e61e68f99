"""The status that a call ends with where something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from edgesegd.core.errors import EdgesegError, InternalFault
from edgesegd.edges.status import grpc_status, trailing_metadata

log = logging.getLogger(__name__)


@asynccontextmanager
async def errors_as_status(context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """End the call with the status of what goes wrong within; a bug is told as a fixed text."""
    try:
        yield
    except EdgesegError as error:
        await _abort(context, error)
    except grpc.aio.AbortError:
        raise
    except Exception:
        log.exception("a call failed by a fault of the daemon")
        await _abort(context, InternalFault())


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: EdgesegError) -> None:
    await context.abort(grpc_status(error), str(error), trailing_metadata(error))
