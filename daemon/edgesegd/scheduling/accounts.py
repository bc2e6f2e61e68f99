"""Accounts of engine time: how much each client used, over all models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

from edgesegd.core.client import Client

if TYPE_CHECKING:
    from edgesegd.scheduling.turns import Member

UNKNOWN_SECONDS = 1.0
"""Assumed engine time of a frame until the first frame is done; corrected then."""


@dataclass(slots=True, eq=False)
class Account:
    """When the next `turn` of a client or a lane is, on a clock of used engine time, in seconds.

    `last_turn` and `latest_first_turn` concern the turns of members below this account: `last_turn`
    is the turn of the one that was served last. `latest_first_turn` is the latest turn that was the
    first in the queue so far: a member that comes back with a frame continues near it, however long
    it was away. `members` are those who take turns by this account, one for each model.
    """

    turn: float = 0.0
    last_turn: float = 0.0
    latest_first_turn: float = 0.0
    members: list[Member] = field(default_factory=list)


class Accounts:
    """The accounts of all clients; schedulers that share them divide one engine time among clients.

    So a client with frames for two models gets no more time than a client with frames for one.
    """

    def __init__(self) -> None:
        self.all = Account()
        self._works: WeakSet[UsualWork] = WeakSet()
        self._accounts: dict[Client, Account] = {}

    def open(self, client: Client, member: Member) -> Account:
        """The account of a client; `member` takes turns by it from now on."""
        account = self._accounts.setdefault(client, Account())
        account.members.append(member)
        return account

    def close(self, client: Client, member: Member) -> None:
        """Remove a member from the account; an account without members is deleted."""
        account = self._accounts[client]
        account.members.remove(member)
        if not account.members:
            del self._accounts[client]

    def usual_work(self) -> UsualWork:
        """The usual work of one more model; until it is measured, another model's is assumed."""
        known = [work.turn for work in self._works if work.is_known]
        work = UsualWork(known[0] if known else UNKNOWN_SECONDS, on_known=self._assume_for_others)
        self._works.add(work)
        return work

    def _assume_for_others(self, seconds: float) -> None:
        for work in self._works:
            if not work.is_known:
                work.turn = seconds


class UsualWork:
    """How long an engine usually needs for a frame of one model: a `turn`, in seconds.

    It is a guess until `is_known`; `on_known` is called with the first measured value.
    """

    __slots__ = ("__weakref__", "_on_known", "is_known", "turn")

    def __init__(self, guess: float, *, on_known: Callable[[float], None]) -> None:
        self.turn = guess
        self.is_known = False
        self._on_known = on_known

    def observe(self, seconds: float, *, weight: float, outlier: float) -> float:
        """Count a frame that needed `seconds`; returns the usual time before it.

        The first frame sets the usual time and returns it. Later ones count with `weight` in the
        moving average, and as at most `outlier` times the usual time.
        """
        if not self.is_known:
            self.turn, self.is_known = seconds, True
            self._on_known(seconds)
            return seconds
        usual = self.turn
        self.turn = usual + weight * (min(seconds, outlier * usual) - usual)
        return usual
