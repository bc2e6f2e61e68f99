"""What each client had of the engines' time, whichever model its frames were for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
        self.usual = 0.0
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


class UsualWork:
    """How many seconds an engine usually needs for a frame of one model: a turn is as long.

    Until that is known, it is that of another model with the same `accounts`.
    """

    __slots__ = ("_accounts", "_seconds")

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._seconds = 0.0

    @property
    def turn(self) -> float:
        """Seconds of one turn."""
        return self._seconds or self._accounts.usual or UNKNOWN_SECONDS

    def observe(self, seconds: float, *, weight: float, outlier: float) -> float:
        """A frame needed so many; what was usual before, or these where nothing was known.

        It counts with `weight`, and as no more than `outlier` times what is usual.
        """
        usual = self._seconds or seconds
        self._seconds = usual + weight * (min(seconds, outlier * usual) - usual)
        self._accounts.usual = self._seconds
        return usual
