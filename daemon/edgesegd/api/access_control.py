"""Asks clients for their token, and ends what they do with one that is no longer valid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from edgesegd.access.keyring import Keyring, bearer, require_scope
from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.access.tokens import METRICS
from edgesegd.api.call_quota import CallQuota
from edgesegd.api.open_call import OpenCall
from edgesegd.api.quota_use import QuotaUses
from edgesegd.core.client import Client
from edgesegd.core.errors import AccessRefused, Overloaded, Unauthenticated
from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter

REVOKED_SECONDS: Final = 1.0
"""After what time at most open calls end if their token is revoked, or have its changed quota."""
UNIX_PEER: Final = "unix:"
"""How gRPC begins the name of a peer at a Unix socket: its permissions say who may connect."""
NEW_TOKENS_A_SECOND, NEW_TOKENS_AT_ONCE = 1.0, 10
"""Texts of one address that are compared with a slow hash; each takes a core for 50 ms."""
REFUSED_SECONDS = 0.5
"""Delay of a refused request for metrics; calls are delayed with all other refusals."""


class AccessControl:
    """Checks the tokens of calls in `keyring`, and gives each call its quota.

    `scope_of` is the scope that a method needs: empty for any token, None for no token at all.
    `public_metrics` is whether the metrics need no token. `on_refused` is called with the reason of
    each refusal, `on_limit` with the name of each limit of a quota that was met; both are labels of
    metrics.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        scope_of: Callable[[str], str | None],
        public_metrics: bool,
        on_refused: Callable[[str], None],
        on_limit: Callable[[str], None],
    ) -> None:
        self._keyring = keyring
        self._scope_of = scope_of
        self._public_metrics = public_metrics
        self._on_refused = on_refused
        self._uses = QuotaUses(on_limit)
        self._one_at_a_time = asyncio.Lock()
        self._new_tokens = AddressRateLimiter(NEW_TOKENS_A_SECOND, burst=NEW_TOKENS_AT_ONCE)

    async def check(self, call: OpenCall, method: str, authorization: str) -> None:
        """Raise Unauthenticated, Forbidden or Overloaded if the client may not call `method`.

        `authorization` is its header of that name. The call then carries its token, and the quota
        of the token and of its client's certificate.
        """
        if call.client[0].startswith(UNIX_PEER):
            return
        scope = self._scope_of(method)
        if scope is None:
            return
        holders = [QuotaHolder.of_certificate(call.certificate)] if call.certificate else []
        if not self._keyring.in_force:
            call.lacks_token = True
            self._set_quota(call, holders)
            return
        text = bearer(authorization)
        try:
            if self._keyring.is_quick(text):
                token = self._keyring.find(text)
            else:
                self._limit(call.client)
                async with self._one_at_a_time:
                    token = await asyncio.to_thread(self._keyring.find, text)
            require_scope(token, scope)
        except AccessRefused as error:
            self._on_refused(error.outcome)
            raise
        call.token = token
        self._set_quota(call, [*holders, QuotaHolder.of_token(token)])

    def _set_quota(self, call: OpenCall, holders: Sequence[QuotaHolder]) -> None:
        quota_of = self._keyring.quota_of
        call.holders = tuple(holders)
        call.quota = CallQuota(*(self._uses.use_of(each, quota_of(each)) for each in holders))

    def check_metrics(self, authorization: str, address: str) -> None:
        """Raise Unauthenticated or Forbidden if a client may not read the metrics.

        A thread of its own calls it for each request; if it refuses, it takes its time.
        """
        if self._public_metrics or not self._keyring.in_force:
            return
        text = bearer(authorization)
        try:
            if not self._keyring.is_quick(text):
                self._limit((address,))
            require_scope(self._keyring.find(text), METRICS)
        except (AccessRefused, Overloaded) as error:
            if isinstance(error, AccessRefused):
                self._on_refused(error.outcome)
            time.sleep(REFUSED_SECONDS)
            raise

    def _limit(self, client: Client) -> None:
        """Raise Overloaded if an address has sent too many texts that must be hashed."""
        if (seconds := self._new_tokens.seconds_until_allowed(client)) > 0:
            self._on_refused("unauthenticated")
            raise Overloaded("too many unknown tokens came from this address", seconds)

    async def run(self, calls: Collection[OpenCall]) -> None:
        """End calls that lack a valid token, and apply changed quotas to the others, forever.

        The token is revoked, changed or expired, or it was the first one that came into force.
        """
        while True:
            await asyncio.sleep(REVOKED_SECONDS)
            in_force = self._keyring.in_force
            in_use = {holder for call in calls for holder in call.holders}
            self._uses.update(self._keyring.quota_of, in_use)
            for call in tuple(calls):
                if call.token is not None and not self._keyring.still_valid(call.token):
                    why = f"the token {call.token.name!r} was revoked or changed, or has expired"
                    call.evict(Unauthenticated(why))
                elif in_force and call.lacks_token:
                    call.evict(Unauthenticated("this daemon asks for a token now"))
