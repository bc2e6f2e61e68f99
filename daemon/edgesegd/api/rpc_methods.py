"""Describes the methods of the served services, by the contracts that they are generated from."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import ServiceDescriptorProto
from google.protobuf.descriptor_pool import Default

from edgesegd.core.rpc import UNARY, UNKNOWN_METHOD, RpcMethod

KINDS = {
    (False, False): UNARY,
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}
"""By whether a client streams, and whether the server does."""


def rpc_method(path: str) -> RpcMethod:
    """The method of a path such as `/grpc.health.v1.Health/Check`.

    UNKNOWN_METHOD if no contract in this process has it. The kind is that of the contract: a
    handler may serve a unary method as a stream.
    """
    service, _, name = path.removeprefix("/").partition("/")
    described = ServiceDescriptorProto()
    try:
        Default().FindServiceByName(service).CopyToProto(described)
    except KeyError:
        return UNKNOWN_METHOD
    for method in described.method:
        if method.name == name:
            kind = KINDS[method.client_streaming, method.server_streaming]
            return RpcMethod(service, name, kind)
    return UNKNOWN_METHOD
