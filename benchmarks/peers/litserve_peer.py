"""LitServe with the naive pipeline as its API, over HTTP.

LitServe reads the types of annotations at run time, so this module does not postpone them.
"""

import http.client

import litserve
import peer
from fastapi import Request, Response

BOUNDARY = "a-boundary-that-no-picture-has"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="jpeg"; filename="jpeg"\r\n'
    "Content-Type: image/jpeg\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class NaiveApi(litserve.LitAPI):  # type: ignore[misc] # has no types
    """A JPEG file in, class ids out."""

    def __init__(self, wanted: peer.Wanted) -> None:
        super().__init__()
        self._wanted = wanted

    def setup(self, device: str) -> None:
        """Make the interpreter, in each worker."""
        self._pipeline = peer.pipeline(self._wanted.model, self._wanted.threads)

    def decode_request(self, request: Request) -> bytes:
        """The file of a form."""
        jpeg: bytes = request["jpeg"].file.read()
        return jpeg

    def predict(self, jpeg: bytes) -> peer.Mask:
        """One frame."""
        return self._pipeline(jpeg)

    def encode_response(self, mask: peer.Mask) -> Response:
        """The mask, unchanged."""
        return Response(mask.tobytes(), media_type="application/octet-stream")


def serve(wanted: peer.Wanted) -> None:
    """A process for each worker."""
    server = litserve.LitServer(
        NaiveApi(wanted), accelerator="cpu", workers_per_device=wanted.workers
    )
    server.run(
        host="127.0.0.1",
        port=wanted.port,
        log_level="error",
        generate_client_file=False,
        timeout_keep_alive=3600,  # its connections wait for their turn
    )


def connect(port: int) -> peer.Send:
    """A connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(jpeg: bytes) -> bytes:
        connection.request("POST", "/predict", HEAD + jpeg + TAIL, HEADERS)
        return connection.getresponse().read()

    return send


if __name__ == "__main__":
    peer.main(serve, connect)
