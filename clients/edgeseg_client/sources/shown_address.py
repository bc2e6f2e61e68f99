"""How an address is shown in messages, which are logged: without its user and password."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?(.*)", re.DOTALL)


def shown_address(address: str) -> str:
    """The address without its query, and without what may be a user and a password before an `@`.

    A password that is not percent-encoded may have any character; so more may be left out.
    """
    scheme, rest = _SCHEME.fullmatch(address).groups("")  # type: ignore[union-attr]  # it fits all
    before, _, host = rest.rpartition("@")
    if scheme:
        return scheme + host.partition("?")[0]
    return host if ":" in before else address
