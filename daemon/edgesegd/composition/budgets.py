"""The limits of what clients share: memory, calls, streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgesegd.api.address_blocker import AddressBlocker
from edgesegd.api.admission import Admission, CheckAccess
from edgesegd.api.connection_guard import ConnectionGuard
from edgesegd.api.first_message import FirstMessages
from edgesegd.api.memory_guard import MemoryGuard
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.reset_guard import ResetGuard
from edgesegd.api.status import StatusTable
from edgesegd.board.descriptors import descriptor_limit
from edgesegd.board.memory import (
    board_memory,
    default_frame_bytes,
    default_frame_pixels,
    default_held_bytes,
)
from edgesegd.config import Config
from edgesegd.core.frame import FrameLimits
from edgesegd.core.rpc import RpcCounters
from edgesegd.scheduling.fair_limit import FairLimit

UNCOUNTED_BYTES = 32 << 20
"""By how much the front may grow in addition to the bytes that it counts: unfinished messages,
connections, and what frames and results leave in the memory that it shares with engines."""


class Budgets:
    """The limits of one daemon, from its options and the board's memory.

    `limits` are those of one frame. `frames` and `results` count waiting bytes, `streams` open
    streams, `regions` bytes of leased memory, `registrations` bytes of shared memory that clients
    have registered. `connections` and `guard` watch what gRPC cannot limit. `large_messages` are
    prefixes of the methods that take frames; `status_table` returns the statuses of a method.
    Clients may open streams of the methods `opened_early` long before they use them. `check_access`
    checks the tokens of calls, `counters` count them. `on_limit` is called with the name of a limit
    that was met, `on_use` for each call. `trim` returns freed memory to the system.
    """

    def __init__(
        self,
        config: Config,
        *,
        large_messages: Sequence[str],
        status_table: Callable[[str], StatusTable],
        opened_early: Sequence[str],
        check_access: CheckAccess,
        counters: RpcCounters,
        on_limit: Callable[[str], None],
        on_use: Callable[[], None],
        trim: Callable[[], None],
    ) -> None:
        memory = board_memory()
        self.limits = FrameLimits(
            config.max_frame_bytes or default_frame_bytes(memory),
            config.max_frame_pixels or default_frame_pixels(memory),
        )
        held = config.max_held_bytes or default_held_bytes(memory, self.limits.size)

        def limit(name: str, maximum: int, what: str) -> FairLimit:
            return FairLimit(maximum, what, on_refused=lambda: on_limit(name))

        self.frames = limit("frames", held // 2, "bytes of waiting frames")
        self.results = FairLimit(held // 2, "bytes of unread results")
        self.streams = limit("streams", config.max_streams, "streams")
        self.regions = RegionLeases(
            limit("shared_memory", config.shared_memory_bytes, "bytes of shared memory")
        )
        self.registrations = limit(
            "registrations", config.shared_memory_bytes, "bytes of registered shared memory"
        )
        blocker = AddressBlocker()
        self.connections = ConnectionGuard(
            min(config.max_connections, descriptor_limit()),
            blocker,
            lambda: on_limit("connections"),
        )
        self.admission = Admission(
            limit=limit("calls", config.max_calls, "calls"),
            first_messages=FirstMessages(config.message_seconds),
            large_messages=tuple(large_messages),
            on_call=on_use,
            status_table=status_table,
            opened_early=tuple(opened_early),
            on_reset=ResetGuard(blocker, lambda: on_limit("resets")).on_reset,
            on_admitted=self.connections.on_admitted,
            check_access=check_access,
            counters=counters,
        )
        self.guard = MemoryGuard(
            self.admission.calls,
            growth=held + UNCOUNTED_BYTES,
            trim=trim,
            on_evicted=lambda: on_limit("memory"),
        )

    @property
    def held(self) -> int:
        """Bytes of waiting frames and of unread results."""
        return self.frames.total + self.results.total
