"""MLServer with the naive pipeline as its runtime, over gRPC (Open Inference Protocol)."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import grpc
import numpy as np
import peer
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import InferenceRequest, InferenceResponse


class NaiveRuntime(MLModel):  # type: ignore[misc] # has no types
    """A JPEG file in, class ids out."""

    async def load(self) -> bool:
        """Make the interpreter."""
        extra = self._settings.parameters.extra
        self._pipeline = peer.pipeline(extra["model"], extra["threads"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One frame."""
        jpeg = payload.inputs[0].data[0]
        mask = self._pipeline(jpeg)
        output = NumpyCodec.encode_output("mask", mask)
        return InferenceResponse(model_name=self.name, outputs=[output])


def serve(wanted: peer.Wanted) -> None:
    """Become `mlserver start`; with one worker the model is in the server's own process."""
    folder = Path(tempfile.mkdtemp(prefix="mlserver-"))
    settings = {
        "host": "127.0.0.1",
        "grpc_port": wanted.port,
        "http_port": 0,
        "metrics_port": 0,
        "metrics_endpoint": None,
        "parallel_workers": 0 if wanted.workers == 1 else wanted.workers,
    }
    extra = {"model": str(wanted.model), "threads": wanted.threads}
    model = {
        "name": "naive",
        "implementation": "mlserver_peer.NaiveRuntime",
        "parameters": {"extra": extra},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    command = Path(sys.executable).with_name("mlserver")
    os.execv(command, [str(command), "start", str(folder)])  # noqa: S606 # its own command


def connect(port: int) -> peer.Send:
    """A channel of its own."""
    stub = GRPCInferenceServiceStub(grpc.insecure_channel(f"127.0.0.1:{port}"))

    def send(jpeg: bytes) -> bytes:
        tensor = pb.ModelInferRequest.InferInputTensor(name="jpeg", datatype="BYTES", shape=[1])
        tensor.contents.bytes_contents.append(jpeg)
        answer = stub.ModelInfer(pb.ModelInferRequest(model_name="naive", inputs=[tensor]))
        values = answer.outputs[0].contents.uint_contents
        return np.fromiter(values, np.uint8, len(values)).tobytes()

    return send


if __name__ == "__main__":
    peer.main(serve, connect)
