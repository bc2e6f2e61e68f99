"""What each client had of the engines' time, whichever model its frames were for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

from edgesegd.core.client import Client

if TYPE_CHECKING:
    from edgesegd.scheduling.turns import Member

UNKNOWN_SECONDS = 1.0
"""What a frame is taken to need before the first one is done; it is put right then."""


@dataclass(slots=True, eq=False)
class Account:
    """When the next turn of a client or a lane is, in seconds of engine time that it had by then.

    Of the turns of those within it, `last_turn` is that of the one that was served last, `behind`
    the lowest that there was when one was picked. `members` take turns by it: one for each model.
    """

    turn: float = 0.0
    last_turn: float = 0.0
    behind: float = 0.0
    members: list[Member] = field(default_factory=list)


class Accounts:
    """The accounts of all clients; schedulers that share them share out one time.

    So a client that has frames for two models gets no more than one that has all for one of them.
    """

    def __init__(self) -> None:
        self.all = Account()
        self._works: WeakSet[UsualWork] = WeakSet()
        self._accounts: dict[Client, Account] = {}

    def open(self, client: Client, member: Member) -> Account:
        """The account of a client, that `member` takes turns by."""
        account = self._accounts.setdefault(client, Account())
        account.members.append(member)
        return account

    def close(self, client: Client, member: Member) -> None:
        """The member takes no turns any more; an account without members is forgotten."""
        account = self._accounts[client]
        account.members.remove(member)
        if not account.members:
            del self._accounts[client]

    def usual_work(self) -> UsualWork:
        """That of one more model: until it is known, it is that of another."""
        known = [work.turn for work in self._works if work.is_known]
        work = UsualWork(known[0] if known else UNKNOWN_SECONDS, on_known=self._guess_of_others)
        self._works.add(work)
        return work

    def _guess_of_others(self, seconds: float) -> None:
        for work in self._works:
            if not work.is_known:
                work.turn = seconds


class UsualWork:
    """How many seconds an engine usually needs for a frame of one model: a `turn` is as long.

    Until it `is_known` it is a guess; `on_known` is called with the first that is none.
    """

    __slots__ = ("__weakref__", "_on_known", "is_known", "turn")

    def __init__(self, guess: float, *, on_known: Callable[[float], None]) -> None:
        self.turn = guess
        self.is_known = False
        self._on_known = on_known

    def observe(self, seconds: float, *, weight: float, outlier: float) -> float:
        """A frame needed so many; what was usual before, or these where nothing was known.

        It counts with `weight`, and as no more than `outlier` times what is usual.
        """
        if not self.is_known:
            self.turn, self.is_known = seconds, True
            self._on_known(seconds)
            return seconds
        usual = self.turn
        self.turn = usual + weight * (min(seconds, outlier * usual) - usual)
        return usual
