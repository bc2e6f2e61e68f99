"""The methods of the gRPC services, and what counts the calls of each and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class RpcMethod:
    """A method as its service describes it.

    `service` is the full name of the service. `kind` is `unary`, `client_stream`, `server_stream`
    or `bidi_stream`, the words of go-grpc-prometheus.
    """

    service: str
    name: str
    kind: str


UNARY: Final = "unary"
CLIENT_STREAMS: Final = ("client_stream", "bidi_stream")
"""The kinds of methods whose clients send many messages."""
UNKNOWN_METHOD: Final = RpcMethod("unknown", "unknown", "unknown")
"""Stands for every method that is not served: clients choose the names of those."""


class RpcCounter:
    """Counts the calls of one method and their messages, on the event loop of the front.

    Its own methods do nothing.
    """

    def started(self) -> None:
        """A call has begun."""

    def received(self, size: int) -> None:
        """A message of `size` bytes was received; bytes of shared memory are not in it."""

    def sent(self, size: int) -> None:
        """A message of `size` bytes was handed to gRPC."""

    def handled(self, code: str, seconds: float) -> None:
        """A call has ended with the status `code`, such as `OK`, `seconds` after its beginning."""


class RpcCounters(Protocol):
    """Gives each method its counter."""

    def of(self, method: RpcMethod) -> RpcCounter:
        """The counter of a method, always the same one."""


class _NotCounted(RpcCounter):
    """Counts nothing."""

    def of(self, method: RpcMethod) -> RpcCounter:
        """As `RpcCounters`."""
        del method
        return self


NOT_COUNTED: Final = _NotCounted()
"""Counters that do nothing."""
