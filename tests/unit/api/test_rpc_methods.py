"""What the contracts say of methods."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from edgeseg.inference import open_inference_pb2
from edgeseg.v1 import segmentation_pb2
from edgesegd.api.rpc_methods import rpc_method
from edgesegd.core.rpc import UNKNOWN_METHOD, RpcMethod

CONTRACTS = (health_pb2, reflection_pb2, open_inference_pb2, segmentation_pb2)


@pytest.mark.parametrize(
    ("service", "name", "kind"),
    [
        ("edgeseg.v1.SegmentationService", "Segment", "bidi_stream"),
        ("edgeseg.v1.SegmentationService", "SegmentImage", "unary"),
        ("inference.GRPCInferenceService", "ModelInfer", "unary"),
        ("inference.GRPCInferenceService", "ModelStreamInfer", "bidi_stream"),
        ("grpc.health.v1.Health", "Watch", "server_stream"),
        ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", "bidi_stream"),
    ],
)
def test_the_kind_of_a_method_is_that_of_its_contract(service: str, name: str, kind: str) -> None:
    assert rpc_method(f"/{service}/{name}") == RpcMethod(service, name, kind)
    names = {
        each.full_name for file in CONTRACTS for each in file.DESCRIPTOR.services_by_name.values()
    }
    assert service in names


@pytest.mark.parametrize(
    "path",
    ["/", "", "/a/b", "/grpc.health.v1.Health/", "/grpc.health.v1.Health/check"],
)
def test_a_method_that_no_contract_has_is_unknown(path: str) -> None:
    assert rpc_method(path) is UNKNOWN_METHOD
