"""Whose turn it is, among lanes and among groups of them.

The turns are those of stride scheduling (Waldspurger and Weihl, 1995): a member's next turn is as
long after its last one as that took of an engine's time, divided by its weight. Who is next is
known in the logarithm of the members' number. Members of several models take turns by the same
accounts, each in a tree of its own model.
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
served last. More is forgiven: what cameras miss for want of a fresh frame they are not owed for
ever."""

SAVED_TURNS = 4.0
"""Turns (of weight 1) that a member may be behind the others when it comes back with a frame."""

TURNS_OF_AGE = 4.0
"""What the age of a camera's frame counts against it beside others, in turns, when it is the usual
time from one taken frame to the next. It grows with the square of the age: who is taken among fresh
frames is a matter of turns, but an old one is hardly taken."""

MAX_COMPARED = 32
"""Members that are looked at for the freshest frame, in the order of their turns."""

STALE_ENTRIES = 64
"""Entries of a group's queue that may be out of date, beside as many as are not."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The time `now`, the `usual` time from one taken frame to the next, and that of a `turn`.

    All in seconds.
    """

    now: float
    usual: float
    turn: float

    def cost_of_age(self, lane: Lane) -> float:
        """What the age of the frame that waits in a camera's lane counts, in engine time."""
        age = (self.now - lane.newest) / self.usual
        return TURNS_OF_AGE * age * age * self.turn


class Member:
    """Takes turns within its `group`; its `account` says when its next one is.

    `path` is its group with itself, the group's own group with the group, and so on. `entry` is the
    number of its entry in the group's queue, 0 while it has none. While it is `resting` or `held`
    it gets none.
    """

    def __init__(self, account: Account | None = None) -> None:
        self.group: Group | None = None
        self.path: tuple[tuple[Group, Member], ...] = ()
        self.account = account or Account(members=[self])
        self.entry = 0
        self.resting = False
        self.held = False

    @property
    def ready(self) -> bool:
        """Whether a frame can be taken."""
        raise NotImplementedError

    @property
    def turns(self) -> tuple[float, ...]:
        """When the turns are of those that are next here, from itself inwards; it must be ready."""
        return (self.account.turn,)

    def front(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """The lane whose turn it is here, and whether a newer frame will come before its own turn.

        `among` is how many members wait for a turn, with this one.
        """
        raise NotImplementedError

    def pick(self, moment: Moment, among: int) -> Lane:
        """The lane to take a frame from."""
        raise NotImplementedError


class Group(Member):
    """Members that are served in turn.

    Fresh: those whose waiting frames are superseded before their turn comes are taken for cameras.
    By turns alone their frames would wait as long as they wait for a turn: with many cameras, many
    invokes. So among the cameras that are due before any other member, age counts beside turns.

    `work` is what a turn takes, `waiting` how many members have a frame. The group of a client
    refers to its account, which groups of other models may refer to as well.
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

        So who opens a stream for each frame gains nothing by it.
        """
        self._members += 1
        member.group = self
        member.path = ((self, member), *self.path)
        if len(member.account.members) == 1:  # else it takes turns already, for another model
            member.account.turn = self.account.last_turn + self._work.turn / weight

    def part(self, member: Member) -> None:
        """Forget a member."""
        self.leave(member)
        self._members -= 1

    def note(self, member: Member, now: float) -> None:
        """It has a new frame."""
        if self._newest is not member:
            self._newest, self._other_time = member, self._newest_time
        self._newest_time = now

    def others_active(self, member: Member, since: float) -> bool:
        """Whether other members had new frames since then."""
        newest = self._other_time if self._newest is member else self._newest_time
        return newest >= since

    def enter(self, member: Member) -> None:
        """Let a member wait for its turn, if it has a frame and does not wait already."""
        if member.entry or member.resting or member.held or not member.ready:
            return
        saved = SAVED_TURNS * self._work.turn
        member.account.turn = max(member.account.turn, self.account.behind - saved)
        self.waiting += 1
        self.put(member)
        if self.group is not None:
            self.group.enter(self)

    def leave(self, member: Member) -> None:
        """Wait for it no more: it has no frame, or rests."""
        if not member.entry:
            return
        member.entry = 0
        self.waiting -= 1
        if self.group is not None and not self.ready:
            self.group.leave(self)

    def serve(self, member: Member, seconds: float) -> None:
        """It is served, which takes so much engine time."""
        self.account.last_turn = self._turn(member)
        member.account.turn = self.account.last_turn + seconds
        if member.entry and not member.ready:
            self.leave(member)
        _put_again(member.account)

    def charge(self, member: Member, seconds: float) -> None:
        """What it got was so much more than was counted, or less."""
        member.account.turn += seconds
        _put_again(member.account)

    @property
    def turns(self) -> tuple[float, ...]:
        """As the base says."""
        return (self.account.turn, *self._first()[2].turns)

    def front(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """As the base says."""
        return self._first()[2].front(moment, among * self.waiting)

    def pick(self, moment: Moment, among: int = 1) -> Lane:
        """The lane to take a frame from; there must be one."""
        among *= self.waiting
        member = self._first()[2]
        self.account.behind = max(self.account.behind, member.account.turn)
        if self.waiting > 1:
            member = self._freshest(moment, among)
        return member.pick(moment, among)

    def _freshest(self, moment: Moment, among: int) -> Member:
        """The first member, or the camera before it that has the best of turn and age together."""
        compared = list[tuple[float, int, Member]]()
        cameras = list[tuple[float, int, Member]]()
        first: Member | None = None
        while self.waiting > len(compared) and len(compared) < MAX_COMPARED:
            entry = self._first()
            member, turn = entry[2], self._turn(entry[2])
            if cameras and turn > min(cameras)[0]:
                break  # its frame may be as fresh as it likes
            lane, is_camera = member.front(moment, among)
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
        """When it is its turn."""
        return max(member.account.turn, self.account.last_turn - MAX_LAG * self._work.turn)

    def put(self, member: Member) -> None:
        """An entry of its own; one that it had is out of date."""
        member.entry = next(self._numbers)
        heapq.heappush(self._queue, (member.account.turn, member.entry, member))
        if len(self._queue) > 2 * self.waiting + STALE_ENTRIES:
            self._queue = [entry for entry in self._queue if entry[1] == entry[2].entry]
            heapq.heapify(self._queue)

    def _first(self) -> tuple[float, int, Member]:
        """The entry of whose turn is first; there must be one."""
        while self._queue[0][1] != self._queue[0][2].entry:
            heapq.heappop(self._queue)
        return self._queue[0]


def _put_again(account: Account) -> None:
    """Its turn is another now, in the queue of each model where it waits."""
    for member in account.members:
        if member.entry and member.group is not None:
            member.group.put(member)
