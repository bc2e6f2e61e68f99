"""Whose turn it is, among lanes and among groups of lanes.

This is stride scheduling (Waldspurger and Weihl, 1995): a member's next turn comes after its last
one by the engine time that it took, divided by its weight. Finding the next member takes time
logarithmic in the number of members. Each model has its own tree of members; members of several
models take turns by the same accounts.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesegd.core.client import Client
from edgesegd.scheduling.accounts import Account, Accounts, UsualWork

if TYPE_CHECKING:
    from edgesegd.scheduling.lane import Lane

MAX_LAG = 8.0
"""Turns (of weight 1: the usual time of a frame) that a member can be behind the one that was
served last. It is not owed more: cameras miss turns whenever they have no fresh frame."""

SAVED_TURNS = 4.0
"""Turns (of weight 1) that a member may be behind the others when it comes back with a frame."""

TURNS_OF_AGE = 4.0
"""How many turns the age of a camera's frame costs when the age is the usual time from one taken
frame to the next. The cost grows with the square of the age: among fresh frames the turns decide,
but an old frame is hardly ever taken."""

MAX_COMPARED = 32
"""Members whose frames' ages are compared, in the order of their turns."""

STALE_ENTRIES = 64
"""Outdated entries that a group's queue may have, in addition to as many as it has valid ones."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The time `now`, the `usual` time from one taken frame to the next, and the time of a `turn`.

    All are in seconds.
    """

    now: float
    usual: float
    turn: float

    def cost_of_age(self, lane: Lane) -> float:
        """What the age of the newest frame in a camera's lane costs, in seconds of engine time."""
        age = (self.now - lane.newest) / self.usual
        return TURNS_OF_AGE * age * age * self.turn


class Member:
    """Takes turns within its `group`; its `account` says when its next one is.

    `path` is pairs of a group and its member: its group and itself, that group's group and the
    group, and so on. `entry` is the number of its entry in the group's queue, 0 while it has none.
    While it is `penalized` or `blocked` it gets no entry.
    """

    def __init__(self, account: Account | None = None) -> None:
        self.group: Group | None = None
        self.path: tuple[tuple[Group, Member], ...] = ()
        self.account = account or Account(members=[self])
        self.entry = 0
        self.penalized = False
        self.blocked = False

    @property
    def ready(self) -> bool:
        """Whether a frame can be taken."""
        raise NotImplementedError

    @property
    def turns(self) -> tuple[float, ...]:
        """The turns of this member, of the next member within it, and so on; it must be ready."""
        return (self.account.turn,)

    def first_lane(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """The lane whose turn it is here, and whether a newer frame will arrive before its turn.

        `among` is how many members wait for a turn, including this one.
        """
        raise NotImplementedError

    def pick(self, moment: Moment, among: int) -> Lane:
        """The lane to take a frame from."""
        raise NotImplementedError


class Group(Member):
    """Members that are served in turn.

    A member counts as a camera if its waiting frame is usually superseded before its turn. By turns
    alone, a camera's frame would be as old as the wait for a turn: with many cameras, many invokes.
    So among the cameras that are due before any other member, age counts as well as turns.

    `work` is the usual engine time of a turn, `waiting` is how many members wait. A client has one
    account, which its groups in the trees of several models share.
    """

    def __init__(self, accounts: Accounts, work: UsualWork, name: Client = ()) -> None:
        super().__init__(accounts.open(name, self) if name else accounts.all)
        self.name = name
        self._work = work
        self.waiting = 0
        self._queue: list[tuple[float, int, Member]] = []
        self._numbers = itertools.count(1)
        self._members = 0
        self._newest: Member | None = None
        self._newest_time = -math.inf
        self._other_time = -math.inf

    @property
    def ready(self) -> bool:
        """Whether a frame can be taken from any member."""
        return self.waiting > 0

    @property
    def empty(self) -> bool:
        """Whether it has no members."""
        return self._members == 0

    def join(self, member: Member, weight: float) -> None:
        """Serve a new member, as if it had just had a turn.

        So a client does not gain turns by opening a new stream for each frame.
        """
        self._members += 1
        member.group = self
        member.path = ((self, member), *self.path)
        if len(member.account.members) == 1:  # else its account is in use for another model
            member.account.turn = self.account.last_turn + self._work.turn / weight

    def remove(self, member: Member) -> None:
        """Remove a member."""
        self.leave(member)
        self._members -= 1

    def record_frame(self, member: Member, now: float) -> None:
        """Record that `member` has a new frame."""
        if self._newest is not member:
            self._newest, self._other_time = member, self._newest_time
        self._newest_time = now

    def others_active(self, member: Member, since: float) -> bool:
        """Whether other members had new frames after `since`."""
        newest = self._other_time if self._newest is member else self._newest_time
        return newest >= since

    def enter(self, member: Member) -> None:
        """Let a member wait for its turn, if it has a frame and does not wait already."""
        if member.entry or member.penalized or member.blocked or not member.ready:
            return
        saved = SAVED_TURNS * self._work.turn
        member.account.turn = max(member.account.turn, self.account.latest_first_turn - saved)
        self.waiting += 1
        self.put(member)
        if self.group is not None:
            self.group.enter(self)

    def leave(self, member: Member) -> None:
        """Remove a member from the queue: it has no frame, is penalized or blocked."""
        if not member.entry:
            return
        member.entry = 0
        self.waiting -= 1
        if self.group is not None and not self.ready:
            self.group.leave(self)

    def serve(self, member: Member, seconds: float) -> None:
        """Charge a member that is served now with `seconds` of engine time."""
        self.account.last_turn = self._turn(member)
        member.account.turn = self.account.last_turn + seconds
        if member.entry and not member.ready:
            self.leave(member)
        _put_again(member.account)

    def charge(self, member: Member, seconds: float) -> None:
        """Correct a member's charge by `seconds`, which may be negative."""
        member.account.turn += seconds
        _put_again(member.account)

    @property
    def turns(self) -> tuple[float, ...]:
        """As the base says."""
        return (self.account.turn, *self._first()[2].turns)

    def first_lane(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """As the base says."""
        return self._first()[2].first_lane(moment, among * self.waiting)

    def pick(self, moment: Moment, among: int = 1) -> Lane:
        """The lane to take a frame from; there must be one."""
        among *= self.waiting
        member = self._first()[2]
        self.account.latest_first_turn = max(self.account.latest_first_turn, member.account.turn)
        if self.waiting > 1:
            member = self._freshest(moment, among)
        return member.pick(moment, among)

    def _freshest(self, moment: Moment, among: int) -> Member:
        """The camera with the lowest sum of turn and age, of those due before any other member.

        If no camera is due before the first other member, that member.
        """
        compared = list[tuple[float, int, Member]]()
        cameras = list[tuple[float, int, Member]]()
        first: Member | None = None
        while self.waiting > len(compared) and len(compared) < MAX_COMPARED:
            entry = self._first()
            member, turn = entry[2], self._turn(entry[2])
            if cameras and turn > min(cameras)[0]:
                break  # not even a fresh frame could be better
            lane, is_camera = member.first_lane(moment, among)
            if not is_camera:
                first = member
                break
            compared.append(heapq.heappop(self._queue))
            cameras.append((turn + moment.cost_of_age(lane), entry[1], member))
        for entry in compared:
            heapq.heappush(self._queue, entry)
        before = math.inf if first is None else self._turn(first)
        due = [camera for camera in cameras if self._turn(camera[2]) < before]
        if due:
            return min(due)[2]
        return first or min(cameras)[2]

    def _turn(self, member: Member) -> float:
        """A member's turn, at most MAX_LAG turns behind the last one served."""
        return max(member.account.turn, self.account.last_turn - MAX_LAG * self._work.turn)

    def put(self, member: Member) -> None:
        """Add an entry for a member to the queue; an older entry of it becomes invalid."""
        member.entry = next(self._numbers)
        heapq.heappush(self._queue, (member.account.turn, member.entry, member))
        if len(self._queue) > 2 * self.waiting + STALE_ENTRIES:
            self._queue = [entry for entry in self._queue if entry[1] == entry[2].entry]
            heapq.heapify(self._queue)

    def _first(self) -> tuple[float, int, Member]:
        """The entry with the first turn; there must be one."""
        while self._queue[0][1] != self._queue[0][2].entry:
            heapq.heappop(self._queue)
        return self._queue[0]


def _put_again(account: Account) -> None:
    """Update the queue of each model in which the account's members wait: its turn changed."""
    for member in account.members:
        if member.entry and member.group is not None:
            member.group.put(member)
