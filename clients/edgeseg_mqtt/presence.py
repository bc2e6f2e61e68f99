"""Whether a class is present, decided from its share of the picture without flicker."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg_client.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class PresenceRule:
    """When a class counts as present.

    It becomes present once its share was at least `on` for `on_after` seconds, and absent once it
    was less than `off` for `off_after` seconds. Shares are 0.0 to 1.0; between the two nothing
    changes. Raises `InvalidRequest` if the values contradict, or if `off` is 0: no share is less.
    """

    on: float
    off: float
    on_after: float
    off_after: float

    def __post_init__(self) -> None:
        if self.off == 0:
            raise InvalidRequest(
                "--off-share is more than 0: no share is less than 0, so a class that was present"
                " would never be absent; for as little as possible write 0.001"
            )
        if not 0 < self.on <= 1 or not 0 < self.off <= self.on:
            raise InvalidRequest(
                f"a share of {self.on:.2%} for present and {self.off:.2%} for absent do not fit:"
                " --on-share is more than 0 and at most 100, and --off-share is more than 0 and not"
                " larger"
            )


class Presence:
    """The presence of one class: True, False, or None while it is not known.

    Times are in seconds of any monotonic clock.
    """

    def __init__(self, rule: PresenceRule) -> None:
        self.state: bool | None = None
        self._rule = rule
        self._towards: bool | None = None
        self._since = 0.0

    def update(self, share: float, now: float) -> bool:
        """Takes the share of a fresh frame; returns whether the state has changed."""
        towards = self._indicates(share)
        if towards is None or towards is self.state:
            self._towards = None
            return False
        if towards is not self._towards:
            self._towards, self._since = towards, now
        if now - self._since < (self._rule.on_after if towards else self._rule.off_after):
            return False
        self.state, self._towards = towards, None
        return True

    def forget(self) -> None:
        """Call it when there were no fresh frames for a while: nothing is known any more."""
        self.state = self._towards = None

    def _indicates(self, share: float) -> bool | None:
        """What the share alone says; None if nothing changes."""
        if share >= self._rule.on:
            return True
        if share < self._rule.off or self.state is None:
            return False
        return None
