"""At which port and which addresses other machines can reach the daemon."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgesegd.board.addresses import UNIX, is_loopback, resolve, split_address
from edgesegd.core.errors import StartupError


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something listens: a port, and the hosts as they were given."""

    port: int
    hosts: tuple[str, ...]

    def addresses(self, own: Sequence[str]) -> tuple[str, ...]:
        """The addresses that others can use, IPv4 ones first; `own` are those of this machine.

        Loopback addresses are left out, and link-local ones of IPv6, which mean nothing without
        an interface.
        """
        wanted = {address for host in self.hosts for address in _expanded(host, own)}
        usable = filter(_can_be_announced, map(ipaddress.ip_address, wanted))
        return tuple(str(each) for each in sorted(usable, key=lambda each: (each.version, each)))

    def covers(self, other: Listening, own: Sequence[str]) -> bool:
        """Whether it can be reached at each address at which `other` can."""
        return set(other.addresses(own)) <= set(self.addresses(own))


def listening(addresses: Sequence[str]) -> Listening | None:
    """What others can reach of "HOST:PORT" and "unix:///PATH"; None if that is nothing.

    A service has one port: that of the first address that others can reach. Addresses with another
    port are left out.
    """
    split = [
        split_address(each)
        for each in addresses
        if not each.startswith(UNIX) and not is_loopback(each)
    ]
    if not split:
        return None
    port = split[0][1]
    return Listening(port, tuple(host for host, its_port in split if its_port == port))


def _expanded(host: str, own: Sequence[str]) -> Iterator[str]:
    """The addresses that a host stands for."""
    try:
        found = [str(each.sockaddr[0]).partition("%")[0] for each in resolve(host, 0)]
    except StartupError:  # a name that is no longer known here
        return
    for address in found:
        if not ipaddress.ip_address(address).is_unspecified:
            yield address
        else:  # gRPC's wildcard of IPv6 has IPv4 too
            yield from (each for each in own if ":" in address or ":" not in each)


def _can_be_announced(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return False
    return isinstance(address, ipaddress.IPv4Address) or not address.is_link_local
