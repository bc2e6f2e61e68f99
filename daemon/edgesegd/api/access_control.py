"""Asks clients for their token, and ends what they do with one that is no longer valid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from edgesegd.access.keyring import Keyring, bearer, require_scope
from edgesegd.access.tokens import METRICS
from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import AccessRefused, Unauthenticated

REVOKED_SECONDS: Final = 1.0
"""After what time at most an open call with a token that was revoked is ended."""
UNIX_PEER: Final = "unix:"
"""How gRPC begins the name of a peer at a Unix socket: its permissions say who may connect."""


class AccessControl:
    """Checks the tokens of calls in `keyring`.

    `scope_of` is the scope that a method needs: empty for any token, None for no token at all.
    `public_metrics` is whether the metrics need no token. `on_refused` is called with the reason of
    each refusal, a label of metrics.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        scope_of: Callable[[str], str | None],
        public_metrics: bool,
        on_refused: Callable[[str], None],
    ) -> None:
        self._keyring = keyring
        self._scope_of = scope_of
        self._public_metrics = public_metrics
        self._on_refused = on_refused
        self._one_at_a_time = asyncio.Lock()

    async def check(self, call: OpenCall, method: str, authorization: str) -> None:
        """Raise Unauthenticated or Forbidden if the client may not call `method`.

        `authorization` is its header of that name. The call then carries its token.
        """
        if call.client[0].startswith(UNIX_PEER) or not self._keyring.in_force:
            return
        scope = self._scope_of(method)
        if scope is None:
            return
        text = bearer(authorization)
        try:
            if self._keyring.is_quick(text):
                token = self._keyring.find(text)
            else:
                async with self._one_at_a_time:  # each takes a core for a while
                    token = await asyncio.to_thread(self._keyring.find, text)
            require_scope(token, scope)
        except AccessRefused as error:
            self._on_refused(error.outcome)
            raise
        call.token = token

    def check_metrics(self, authorization: str) -> None:
        """Raise Unauthenticated or Forbidden if a request may not read the metrics.

        Another thread may call it; for a text that is looked for first it takes about 50 ms.
        """
        if self._public_metrics or not self._keyring.in_force:
            return
        try:
            require_scope(self._keyring.find(bearer(authorization)), METRICS)
        except AccessRefused as error:
            self._on_refused(error.outcome)
            raise

    async def run(self, calls: Collection[OpenCall]) -> None:
        """End calls whose token was revoked, changed or has expired, forever."""
        while True:
            await asyncio.sleep(REVOKED_SECONDS)
            for call in tuple(calls):
                if call.token is not None and not self._keyring.still_valid(call.token):
                    call.evict(
                        Unauthenticated(
                            f"the token {call.token.name!r} was revoked or changed, or has expired"
                        )
                    )
