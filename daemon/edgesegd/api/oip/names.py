"""Full names of the service and of its methods."""

from edgeseg.inference import open_inference_pb2 as pb

SERVICE_NAME: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
WITH_FRAMES = (f"/{SERVICE_NAME}/ModelInfer", f"/{SERVICE_NAME}/ModelStreamInfer")
"""The methods whose messages may hold a frame."""
PATIENT = (f"/{SERVICE_NAME}/ModelStreamInfer",)
"""The methods whose clients open a stream in advance: tritonclient's `start_stream` does."""


def is_oip(method: str) -> bool:
    """Whether a method, as gRPC names it, is one of the service."""
    return method.startswith(f"/{SERVICE_NAME}/")
