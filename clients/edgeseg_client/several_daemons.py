"""How calls are spread over several daemons: by gRPC itself, as its channel is told here."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable
from typing import Any, Final

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.address import authority_of, split_address
from edgeseg_client.errors import Unavailable
from edgeseg_client.lookup import HostNumbers, look_up

log = logging.getLogger(__name__)

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["SegmentationService"].full_name
# Calls go to the daemons in turn, and to those only whose health service says that they serve.
# Source: gRPC's service_config.proto; gRFC A17 for the health.
_SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": _SERVICE},
}
# As nss-mdns, which takes names with more dots for those of DNS.
_OF_MDNS: Final = re.compile(r"[^.:]+\.local\.?:", re.IGNORECASE)

OPTIONS: Final[dict[str, Any]] = {
    "grpc.service_config": json.dumps(_SERVICE_CONFIG),
    # A board that lost its power or its network closes no connection. Where others can take over,
    # it is given up when data that was sent had no acknowledgement for this long: gRPC sets
    # TCP_USER_TIMEOUT to it. Pings are for connections that send nothing.
    "grpc.keepalive_time_ms": 3_000,
    "grpc.keepalive_timeout_ms": 500,
    # A name is asked for again when a connection is lost; by default not more often than in 30 s.
    "grpc.dns_min_time_between_resolutions_ms": 5_000,
}
"""Options of a channel to several daemons."""


async def target_of(addresses: Iterable[str]) -> str:
    """The gRPC target for several `HOST:PORT`, with the IP addresses of all these hosts.

    A host that cannot be resolved is left out with a warning, because the others work. Raises
    `Unavailable` if none can be resolved, and `InvalidRequest` if an address is not valid.
    """
    hosts = [(host.strip("[]"), port) for host, port in map(split_address, addresses)]
    found = await asyncio.gather(*(_look_up_or_error(host, port) for host, port in hosts))
    missing = [one for one in found if isinstance(one, Unavailable)]
    if len(missing) == len(found):
        raise missing[0]
    for error in missing:
        log.warning("%s; the other addresses are used", error)
    known = [
        (numbers, port)
        for numbers, (_, port) in zip(found, hosts, strict=True)
        if isinstance(numbers, HostNumbers)
    ]
    # A target has addresses of one family only; IPv6 can hold those of IPv4 (RFC 4291, 2.5.5.2).
    family = "ipv4" if all(numbers.ipv4 for numbers, _ in known) else "ipv6"
    each = [
        f"{number}:{port}"
        for numbers, port in known
        for number in (numbers.ipv4 if family == "ipv4" else _as_ipv6(numbers))
    ]
    return f"{family}:{','.join(dict.fromkeys(each))}"


async def target_of_name(address: str) -> str:
    """The gRPC target for `dns:///NAME:PORT`, or another `dns:` of gRPC.

    It is the address itself, for gRPC asks DNS, and again when a connection is lost. But a name of
    mDNS, such as `boards.local`, is resolved by the system, unless a name server is given in
    `dns://SERVER/NAME:PORT`. Names in `cluster.local` are Kubernetes', in DNS. Raises like
    `target_of`.
    """
    name = authority_of(address)
    asks_default = address in {f"dns:///{name}", f"dns:{name}"}
    return await target_of([name]) if asks_default and _OF_MDNS.match(name) else address


async def _look_up_or_error(host: str, port: str) -> HostNumbers | Unavailable:
    try:
        return await look_up(host, port)
    except Unavailable as error:
        return error


def _as_ipv6(numbers: HostNumbers) -> list[str]:
    return [f"[::ffff:{number}]" for number in numbers.ipv4] or numbers.ipv6
