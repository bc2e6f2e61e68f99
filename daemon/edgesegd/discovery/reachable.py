"""At which port and which addresses other machines can reach the daemon."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from edgesegd.board.addresses import UNIX, is_loopback, resolve, split_address
from edgesegd.core.errors import StartupError


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something listens: a port, and IP addresses, which may stand for all of a family."""

    port: int
    bound: tuple[str, ...]

    def addresses(self, own: Sequence[str]) -> tuple[str, ...]:
        """The addresses that others can use, IPv4 ones first; `own` are those of this machine.

        Loopback addresses are left out, and link-local ones of IPv6, which mean nothing without
        an interface.
        """
        wanted = {address for each in self.bound for address in _expanded(each, own)}
        usable = filter(_can_be_announced, map(ipaddress.ip_address, wanted))
        return tuple(str(each) for each in sorted(usable, key=lambda each: (each.version, each)))

    def covers(self, other: Listening, own: Sequence[str]) -> bool:
        """Whether it can be reached at each address at which `other` can."""
        return set(other.addresses(own)) <= set(self.addresses(own))


def for_others(addresses: Sequence[str]) -> list[tuple[str, int]]:
    """Host and port of each of `addresses` ("HOST:PORT", "unix:///PATH") that others can reach."""
    return [
        split_address(each)
        for each in addresses
        if not each.startswith(UNIX) and not is_loopback(each)
    ]


def listening(addresses: Sequence[str]) -> Listening | None:
    """What others can reach of the addresses at which the daemon listens; None if that is nothing.

    A service has one port: that of the first address that others can reach. Addresses with another
    port are left out. Names are resolved now, as they were to listen there.
    """
    found = for_others(addresses)
    if not found:
        return None
    port = found[0][1]
    hosts = (host for host, its_port in found if its_port == port)
    return Listening(port, tuple(address for host in hosts for address in _resolved(host)))


def _resolved(host: str) -> list[str]:
    try:
        return [str(each.sockaddr[0]).partition("%")[0] for each in resolve(host, 0)]
    except StartupError:  # a name that was known when the daemon began to listen
        return []


def _expanded(bound: str, own: Sequence[str]) -> Sequence[str]:
    """The addresses that an address stands for, of those that this machine has."""
    if not ipaddress.ip_address(bound).is_unspecified:
        return [bound] if bound in own else []
    # gRPC's wildcard of IPv6 has IPv4 too.
    return [each for each in own if ":" in bound or ":" not in each]


def _can_be_announced(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return False
    return isinstance(address, ipaddress.IPv4Address) or not address.is_link_local
