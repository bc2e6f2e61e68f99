"""The quota of a call, for whatever serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Final

from edgesegd.api.quota_use import QuotaUse
from edgesegd.core.priority import Priority


class CallQuota:
    """What the client of a call may use, by each identity that it has; all of them count it.

    Without an identity there is no limit.
    """

    def __init__(self, *uses: QuotaUse) -> None:
        self._uses = uses

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[None]:
        """A stream that is open within the block; raises Overloaded if there are too many."""
        async with AsyncExitStack() as counted:
            for use in self._uses:
                await counted.enter_async_context(use.stream())
            yield

    def take_frame(self, size: int) -> None:
        """Count a frame of `size` bytes; raises Overloaded if it comes too early."""
        for use in self._uses:
            use.require_room(size)
        for use in self._uses:
            use.count_frame(size)

    def require_model(self, name: str) -> None:
        """Raise Forbidden if the model of that name may not be used."""
        for use in self._uses:
            use.require_model(name)

    def priority(self, asked: Priority | None = None) -> Priority:
        """The priority of a stream or an image that asks for that one, or for none.

        Raises Forbidden for one that is too high. Without one it is NORMAL, or lower if need be.
        """
        if asked is None:
            return min([Priority.NORMAL, *(use.max_priority for use in self._uses)])
        for use in self._uses:
            use.require_priority(asked)
        return asked


NO_QUOTA: Final = CallQuota()

_quota: ContextVar[CallQuota] = ContextVar("quota", default=NO_QUOTA)


def enter_quota(quota: CallQuota) -> None:
    """Let `quota_of_call` return `quota` in the task of this call, and in those that it starts."""
    _quota.set(quota)


def quota_of_call() -> CallQuota:
    """That of the call that this task serves."""
    return _quota.get()
