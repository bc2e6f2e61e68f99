"""Whether the daemon of this container serves: the exit status is 0 if it does, and 1 if not.

The daemon is asked at the first address of EDGESEG_LISTEN, or the default one, as `grpc.health.v1`
says. With TLS only the handshake is made, for this program has no certificate of a client. It has
no token either: where health needs one (`--public`), the refusal shows that the front answers.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgesegd.config import DEFAULT_LISTEN

ANSWER_SECONDS = 8.0
LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 # as above


def main() -> int:
    """Ask; returns the exit status."""
    address = (os.environ.get("EDGESEG_LISTEN") or DEFAULT_LISTEN).split(",")[0].strip()
    host, _, port = address.rpartition(":")
    if not address.startswith("unix:"):
        address = f"{LOOPBACK.get(host, host)}:{port}"
        if os.environ.get("EDGESEG_TLS_CERT"):
            return shake_hands(LOOPBACK.get(host, host).strip("[]"), int(port))
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                print("the front answers, and wants a token")
                return 0
            print(f"{address}: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
    return 0 if serving else 1


def shake_hands(host: str, port: int) -> int:
    """Make a TLS handshake, which shows that the front answers; returns the exit status."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, port), ANSWER_SECONDS) as connection,
            context.wrap_socket(connection),
        ):
            print("the front answers over TLS")
            return 0
    except OSError as error:
        print(f"{host}:{port}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
