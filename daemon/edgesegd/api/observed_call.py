"""What observers learn of a call for frames: how it begins, and why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import grpc.aio

from edgesegd.api.client_gone import ClientGone
from edgesegd.api.open_call import why_evicted
from edgesegd.core.call import CallInfo, CallObserver, CallObservers
from edgesegd.core.errors import EdgesegError, InvalidOptions

STREAM_NAME_KEY = "edgeseg-stream"
"""Metadata in which a client may name its stream, percent-encoded."""
MAX_STREAM_NAME = 64
AUTHORIZATION = "authorization"
"""What is in it is nobody's business."""
CLIENT_LEFT = "the client left"

Context = grpc.aio.ServicerContext[Any, Any]


def call_info(service: str, method: str, context: Context, *, is_stream: bool) -> CallInfo:
    """What is known of a call; raises InvalidOptions if its stream cannot have the name given."""
    sent = context.invocation_metadata() or ()
    metadata = {
        str(key): value for key, value in sent if isinstance(value, str) and key != AUTHORIZATION
    }
    return CallInfo(
        service,
        method,
        peer=unquote(context.peer()),
        is_stream=is_stream,
        stream_name=_stream_name(metadata.get(STREAM_NAME_KEY, "")) if is_stream else "",
        metadata=metadata,
    )


def _stream_name(encoded: str) -> str:
    try:
        name = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        raise InvalidOptions(
            f"the stream's name, {encoded!r} in the metadata, is not percent-encoded UTF-8"
        ) from None
    if len(name) > MAX_STREAM_NAME:
        raise InvalidOptions(
            f"the stream's name has {len(name)} characters; at most {MAX_STREAM_NAME} are allowed"
        )
    if not name.isprintable() or name != name.strip():
        raise InvalidOptions(
            f"{name!r} cannot be the name of a stream: it has characters that cannot be printed, or"
            " begins or ends with a space"
        )
    return name


@contextmanager
def observed(observers: CallObservers, call: CallInfo) -> Iterator[CallObserver]:
    """Notify an observer of the end of the block, which serves the call, and why it came."""
    observer, reason = observers.begin(call), "a fault of the daemon"
    try:
        yield observer
        reason = ""
    except (asyncio.CancelledError, GeneratorExit, ClientGone):
        reason = why_evicted() or CLIENT_LEFT
        raise
    except EdgesegError as error:
        reason = str(error)
        raise
    finally:
        observer.ended(reason)
