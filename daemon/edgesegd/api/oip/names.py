"""Full names of the service and of its methods."""

from edgeseg.inference import open_inference_pb2 as pb

SERVICE_NAME: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
MODEL_INFER = f"/{SERVICE_NAME}/ModelInfer"
MODEL_STREAM_INFER = f"/{SERVICE_NAME}/ModelStreamInfer"
WITH_FRAMES = (MODEL_INFER, MODEL_STREAM_INFER)
"""The methods whose messages may hold a frame."""

HEALTH_CHECKS = (f"/{SERVICE_NAME}/ServerLive", f"/{SERVICE_NAME}/ServerReady")
"""The methods that say whether the daemon works."""
CHANGE_MODELS = (
    f"/{SERVICE_NAME}/RepositoryModelLoad",
    f"/{SERVICE_NAME}/RepositoryModelUnload",
)
"""The methods that change what is served."""


def is_oip(method: str) -> bool:
    """Whether a method, as gRPC names it, is one of the service."""
    return method.startswith(f"/{SERVICE_NAME}/")
