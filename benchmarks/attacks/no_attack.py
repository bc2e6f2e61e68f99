"""No attack, to compare the attacks with."""

from __future__ import annotations

import time

from attacks.target import Seen, Target


def nothing(target: Target, until: float, seen: Seen) -> None:
    """Leave the daemon alone."""
    del target, seen
    time.sleep(max(0.0, until - time.monotonic()))


def busy(target: Target, until: float, seen: Seen) -> None:
    """Use a core, as an attacker on the daemon's board does."""
    del target, seen
    while time.monotonic() < until:
        pass
