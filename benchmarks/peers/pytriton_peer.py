"""PyTriton with the naive pipeline as its callable, over Triton's gRPC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import peer
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from tritonclient import grpc as triton


def callable_of(pipeline: Callable[[bytes], peer.Mask]) -> Callable[..., Any]:
    """The function that PyTriton calls with requests."""

    def infer(requests: list[Any]) -> list[dict[str, npt.NDArray[Any]]]:
        return [{"mask": pipeline(request.data["jpeg"].tobytes())} for request in requests]

    return infer


def serve(wanted: peer.Wanted) -> None:
    """An interpreter for each worker."""
    config = TritonConfig(
        http_address="127.0.0.1",
        grpc_address="127.0.0.1",
        grpc_port=wanted.port,
        allow_http=True,
        http_port=wanted.port + 1,
        allow_metrics=False,
    )
    with Triton(config=config) as server:
        server.bind(
            model_name="naive",
            infer_func=[
                callable_of(peer.pipeline(wanted.model, wanted.threads))
                for _ in range(wanted.workers)
            ],
            inputs=[Tensor(name="jpeg", dtype=np.uint8, shape=(-1,))],
            outputs=[Tensor(name="mask", dtype=np.uint8, shape=(-1, -1))],
            config=ModelConfig(batching=False),
        )
        server.serve()


def connect(port: int) -> peer.Send:
    """A channel of its own."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")

    def send(jpeg: bytes) -> bytes:
        tensor = triton.InferInput("jpeg", [len(jpeg)], "UINT8")
        tensor.set_data_from_numpy(np.frombuffer(jpeg, np.uint8))
        mask: bytes = client.infer("naive", [tensor]).as_numpy("mask").tobytes()
        return mask

    return send


if __name__ == "__main__":
    peer.main(serve, connect)
