"""Whether a delegate may run: a circuit breaker's states, and what changes them.

CLOSED ── fails ──▶ OPEN ── cool-down over, tried ──▶ HALF_OPEN ── serves ──▶ CLOSED
   ▲                 │ ▲                                  │
   └──── cleared ────┘ └────────────── fails ─────────────┘

One that is chosen while a lesser one serves goes from CLOSED to HALF_OPEN.
"""

from __future__ import annotations

from enum import Enum, auto


class DelegateHealth(Enum):
    """The state of one delegate's breaker."""

    CLOSED = auto()
    """It may run, and is started at once."""
    OPEN = auto()
    """It failed: a lesser one stands in for it, until it has cooled down."""
    HALF_OPEN = auto()
    """It is being started beside the one that stands in for it."""


class DelegateEvent(Enum):
    """What happens to a delegate."""

    FORGIVEN = auto()
    """It failed, and is started again at once."""
    FAILED = auto()
    """It failed, or could not be started."""
    TRIED = auto()
    """Its cool-down is over, and an engine with it is being started."""
    SERVES = auto()
    """An engine with it serves from now on."""
    CLEARED = auto()
    """Its failures were found to be a frame's fault."""


TRANSITIONS: dict[tuple[DelegateHealth, DelegateEvent], DelegateHealth] = {
    (DelegateHealth.CLOSED, DelegateEvent.FORGIVEN): DelegateHealth.CLOSED,
    (DelegateHealth.CLOSED, DelegateEvent.FAILED): DelegateHealth.OPEN,
    # Chosen, and not started yet: nobody else is to start it meanwhile.
    (DelegateHealth.CLOSED, DelegateEvent.TRIED): DelegateHealth.HALF_OPEN,
    (DelegateHealth.CLOSED, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    (DelegateHealth.CLOSED, DelegateEvent.CLEARED): DelegateHealth.CLOSED,
    (DelegateHealth.OPEN, DelegateEvent.FORGIVEN): DelegateHealth.OPEN,
    (DelegateHealth.OPEN, DelegateEvent.FAILED): DelegateHealth.OPEN,
    (DelegateHealth.OPEN, DelegateEvent.TRIED): DelegateHealth.HALF_OPEN,
    # The last of a ranking has nothing below it, and is started though it is open.
    (DelegateHealth.OPEN, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    (DelegateHealth.OPEN, DelegateEvent.CLEARED): DelegateHealth.CLOSED,
    (DelegateHealth.HALF_OPEN, DelegateEvent.FORGIVEN): DelegateHealth.OPEN,
    (DelegateHealth.HALF_OPEN, DelegateEvent.FAILED): DelegateHealth.OPEN,
    (DelegateHealth.HALF_OPEN, DelegateEvent.TRIED): DelegateHealth.HALF_OPEN,
    (DelegateHealth.HALF_OPEN, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    # It is being started already: once is enough.
    (DelegateHealth.HALF_OPEN, DelegateEvent.CLEARED): DelegateHealth.HALF_OPEN,
}
"""All that can happen, and what comes of it."""
