"""Whether a delegate may run: the states of a circuit breaker, and the events that change them.

CLOSED ──────── FAILED ────────▶ OPEN ─── TRIED ──▶ HALF_OPEN
  ▲ ▲                            │  ▲                │   │
  │ └──── SERVES, FRAME_BLAMED ──┘  └──── FAILED ────┘   │
  └─────────────────────── SERVES ───────────────────────┘

A CLOSED delegate that is TRIED while a lesser one serves becomes HALF_OPEN too.
"""

from __future__ import annotations

from enum import Enum, auto


class DelegateHealth(Enum):
    """The state of one delegate's breaker."""

    CLOSED = auto()
    """The delegate may run, and is started at once."""
    OPEN = auto()
    """The delegate failed: a lesser one serves until it has cooled down."""
    HALF_OPEN = auto()
    """The delegate is being started while a lesser one serves."""


class DelegateEvent(Enum):
    """What happens to a delegate."""

    RESTARTED = auto()
    """The delegate failed, and is started again at once, because it starts quickly."""
    FAILED = auto()
    """The delegate failed, or could not be started: a lesser one is used instead, if there is one.
    """
    TRIED = auto()
    """An engine with the delegate is being started while a lesser one serves."""
    SERVES = auto()
    """An engine with the delegate serves from now on."""
    FRAME_BLAMED = auto()
    """A frame was found to be the cause of the delegate's failures."""


TRANSITIONS: dict[tuple[DelegateHealth, DelegateEvent], DelegateHealth] = {
    (DelegateHealth.CLOSED, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    (DelegateHealth.CLOSED, DelegateEvent.RESTARTED): DelegateHealth.CLOSED,
    (DelegateHealth.CLOSED, DelegateEvent.FRAME_BLAMED): DelegateHealth.CLOSED,
    (DelegateHealth.CLOSED, DelegateEvent.FAILED): DelegateHealth.OPEN,
    # Chosen, but not started yet: HALF_OPEN keeps it from being started to replace a lost engine.
    (DelegateHealth.CLOSED, DelegateEvent.TRIED): DelegateHealth.HALF_OPEN,
    # The last delegate of a ranking has no substitute, so it is started although it is open.
    (DelegateHealth.OPEN, DelegateEvent.FAILED): DelegateHealth.OPEN,
    (DelegateHealth.OPEN, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    (DelegateHealth.OPEN, DelegateEvent.FRAME_BLAMED): DelegateHealth.CLOSED,
    (DelegateHealth.OPEN, DelegateEvent.TRIED): DelegateHealth.HALF_OPEN,
    (DelegateHealth.HALF_OPEN, DelegateEvent.FAILED): DelegateHealth.OPEN,
    (DelegateHealth.HALF_OPEN, DelegateEvent.SERVES): DelegateHealth.CLOSED,
    # It is already being started: once is enough.
    (DelegateHealth.HALF_OPEN, DelegateEvent.FRAME_BLAMED): DelegateHealth.HALF_OPEN,
}
"""The state that follows each state after each event; no other event may happen in that state."""
