"""Counts calls, their messages, and the statuses that they end with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
import grpc.aio

from edgesegd.api.rpc_methods import rpc_method
from edgesegd.core.rpc import CLIENT_STREAMS, UNKNOWN_METHOD, RpcCounter, RpcCounters

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]

CODE_OF_NUMBER = {code.value[0]: code for code in Code}
CLOSE_TO_DEADLINE = 0.05
"""Seconds; a client's own clock ends a call, and its cancellation comes about when the daemon's
clock would."""


class CallCounting:
    """Gives each call the counter of its method."""

    def __init__(self, counters: RpcCounters) -> None:
        self._counters = counters
        self._served: dict[str, tuple[RpcCounter, float]] = {}

    def call_of(self, path: str) -> CountedCall:
        """A call of a method that is served."""
        if path not in self._served:
            method = rpc_method(path)
            late = CLOSE_TO_DEADLINE if method.kind in CLIENT_STREAMS else 0.0
            self._served[path] = self._counters.of(method), late
        return CountedCall(*self._served[path])

    def count_unknown(self) -> None:
        """Count a call of a method that is not served, which gRPC itself answers."""
        counter = self._counters.of(UNKNOWN_METHOD)
        counter.started()
        counter.handled(Code.UNIMPLEMENTED.name, 0.0)


class CountedCall:
    """One call; `received` and `sent` count a message of so many bytes.

    `code` is the status that it ends with, None as long as its method or its client decides that.
    A method that returns with at most `late` seconds left was ended by the deadline.
    """

    def __init__(self, counter: RpcCounter, late: float) -> None:
        self._counter = counter
        self._late = late
        self.received = counter.received
        self.sent = counter.sent
        self.code: Code | None = None

    @contextmanager
    def counted(self, context: Context) -> Iterator[None]:
        """Count the call, which begins and ends with the block, and its status."""
        self._counter.started()
        begun, code = time.monotonic(), Code.UNKNOWN
        try:
            yield
            code = self.code or self._code_of(context)
        except grpc.aio.AbortError:
            code = self.code or self._code_of(context)
            raise
        except asyncio.CancelledError:
            code = cancelled_code(context)
            raise
        finally:
            self._counter.handled(code.name, time.monotonic() - begun)

    def _code_of(self, context: Context) -> Code:
        """The status that the method has set; OK if it has set none and was in time.

        Where the client or the deadline ends a call, a method that waits for messages may see an
        end of them, as after the client's last one, and return before gRPC cancels it. A deadline
        shows on the clock; a client that has left does not, and its call is OK then.

        Before a status is set, `context.code()` is None, or 0 in older versions of gRPC, which
        return numbers later too.
        """
        code = cast("Code | int | None", context.code())
        if not code:
            left = context.time_remaining()
            return Code.OK if left is None or left > self._late else Code.DEADLINE_EXCEEDED
        return code if isinstance(code, Code) else CODE_OF_NUMBER.get(code, Code.UNKNOWN)


def cancelled_code(context: Context) -> Code:
    """The status of a call that its client has cancelled, or that its deadline has ended."""
    left = context.time_remaining()
    return Code.CANCELLED if left is None or left > CLOSE_TO_DEADLINE else Code.DEADLINE_EXCEEDED
