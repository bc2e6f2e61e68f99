"""The addresses that this machine has now."""

from __future__ import annotations

import ifaddr


def own_addresses() -> list[str]:
    """All of them, IPv6 ones without their scope."""
    return [
        each.ip if isinstance(each.ip, str) else each.ip[0]
        for adapter in ifaddr.get_adapters()
        for each in adapter.ips
    ]
