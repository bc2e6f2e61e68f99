"""A daemon whose labels say which frame they are of, to see whether each mask is with its frame."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import (
    SegmentationServiceServicer,
    add_SegmentationServiceServicer_to_server,
)

CLASSES = {0: ("background", 0x000000), 1: ("red", 0xFF0000), 2: ("green", 0x00FF00)}
CLASSES |= {3: ("blue", 0x0000FF)}
WIDTH, HEIGHT = 8, 6
GREYS = range(40, 220, 20)
STRANGE = b"\xff\xd8\xff, which only this daemon can decode"
"""What begins like a JPEG; it has the labels of picture 0, and a size of 320x240."""


def picture_of(number: int, size: tuple[int, int] = (320, 240)) -> bytes:
    """Picture `number`: a JPEG of one grey."""
    file = io.BytesIO()
    Image.new("L", size, GREYS[number]).save(file, "JPEG", quality=95)
    return file.getvalue()


def number_of(grey: float) -> int:
    """The number of the picture with that grey."""
    return round((grey - GREYS[0]) / GREYS.step)


def labels_of(number: int) -> np.ndarray:
    """The labels of picture `number`: its class in the left half, "no class" in the right."""
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    labels[:, : WIDTH // 2] = 1 + number % 3
    return labels


class _Servicer(SegmentationServiceServicer):
    def __init__(self, model: str) -> None:
        self._model = model

    def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> pb.GetServerInfoResponse:
        del request, context
        model = pb.Model(
            name=self._model,
            version="1",
            input_width=WIDTH,
            input_height=HEIGHT,
            output_width=WIDTH,
            output_height=HEIGHT,
            classes=_classes(),
            delegate="cpu",
            runtime="test 1.0",
        )
        return pb.GetServerInfoResponse(version="1.2.3", models=[model])

    def SegmentImage(  # noqa: N802
        self, request: pb.SegmentImageRequest, context: grpc.ServicerContext
    ) -> pb.SegmentImageResponse:
        segmentation = _segment(request.frame.data)
        if segmentation is None:
            context.set_trailing_metadata((("edgeseg-status", "INVALID"),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the picture cannot be decoded")
        return pb.SegmentImageResponse(segmentation=segmentation)

    def Segment(  # noqa: N802
        self, request_iterator: Iterator[pb.SegmentRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.SegmentResponse]:
        wanted = next(request_iterator).options.segmentation.model
        if wanted not in {"", self._model}:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no model {wanted!r}")
        context.send_initial_metadata(())
        for request in request_iterator:
            yield pb.SegmentResponse(
                frame_id=request.frame.id,
                status=pb.FRAME_STATUS_OK,
                segmentation=_segment(request.frame.data),
                timing=pb.Timing(decode_us=1500, invoke_us=4000, labels_us=300),
            )


def _segment(data: bytes) -> pb.Segmentation | None:
    if data == STRANGE:
        data = picture_of(0)
    try:
        picture = Image.open(io.BytesIO(data)).convert("L")
    except OSError:
        return None
    number = max(0, min(len(GREYS) - 1, number_of(float(np.asarray(picture).mean()))))
    return pb.Segmentation(
        width=WIDTH,
        height=HEIGHT,
        labels=labels_of(number).tobytes(),
        frame_width=picture.width,
        frame_height=picture.height,
        model="labelling",
        model_version="1",
        delegate="cpu",
        classes=_classes(),
    )


def _classes() -> list[pb.ClassInfo]:
    return [pb.ClassInfo(id=id_, name=name, color=color) for id_, (name, color) in CLASSES.items()]


@contextmanager
def labelling_daemon(port: int = 0, model: str = "labelling") -> Iterator[int]:
    """Serves until the context ends; gives the port."""
    server = grpc.server(ThreadPoolExecutor(8))
    add_SegmentationServiceServicer_to_server(_Servicer(model), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(grace=None).wait()
