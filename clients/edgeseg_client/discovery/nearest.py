"""Orders the addresses of a daemon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import TypeAlias

Interface: TypeAlias = IPv4Interface | IPv6Interface


def nearest_first(addresses: Iterable[str], own: Sequence[Interface]) -> tuple[str, ...]:
    """Those in a network of this machine first; then others; this machine's own last.

    An address that is also this machine's may be the daemon's on another machine: container
    networks have the same addresses everywhere. IPv4 comes before IPv6.
    """

    def distance(text: str) -> tuple[int, int]:
        address = ip_address(text)
        if any(address == each.ip for each in own):
            return 2, address.version
        is_near = any(address in each.network for each in own if each.version == address.version)
        return (0 if is_near else 1), address.version

    return tuple(sorted(dict.fromkeys(addresses), key=distance))


def own_interfaces() -> list[Interface]:
    """The addresses of this machine with their networks; needs ifaddr, which zeroconf brings."""
    import ifaddr  # noqa: PLC0415

    return [
        ip_interface(f"{each.ip if isinstance(each.ip, str) else each.ip[0]}/{each.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for each in adapter.ips
    ]
