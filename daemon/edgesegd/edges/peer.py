"""Who a client is, as far as a connection tells."""

from __future__ import annotations

Client = tuple[str, ...]
"""From the general to the particular: an address, and one of its connections."""

WITH_PORT = ("ipv4", "ipv6")


def client_of(peer: str) -> Client:
    """The client whose call is from `peer`, which is what gRPC calls it: "ipv4:10.0.0.7:41234".

    Of a Unix socket it tells no more than that: all programs there are one client.
    """
    if peer.partition(":")[0] in WITH_PORT:
        return peer.rpartition(":")[0], peer
    return (peer,)
