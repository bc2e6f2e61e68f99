"""A daemon small enough to script, over a real socket."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import (
    SegmentationServiceServicer,
    add_SegmentationServiceServicer_to_server,
)
from support.running_nginx import Certificate

LABELS = bytes([0, 1, 1, 0, 255, 7])
WIDTH, HEIGHT = 3, 2
CLASSES = {0: ("background", 0x000000), 1: ("road", 0x804080), 7: ("car", 0x0000FF)}

GOOD = b"good"
"""The bytes of a frame that is segmented; `fault(…)` makes others."""


def fault(status: "pb.FrameStatus.ValueType") -> bytes:
    """The bytes of a frame that the scripted daemon answers with `status`."""
    return f"fault {status}".encode()


Refusal = Callable[[grpc.ServicerContext], None]


def refuse(
    code: grpc.StatusCode,
    details: str = "no",
    pushback_ms: int | None = None,
    status: str | None = None,
) -> Refusal:
    """Ends a call with a code, the delay before the next attempt and the daemon's own status."""

    def end(context: grpc.ServicerContext) -> None:
        metadata = {"grpc-retry-pushback-ms": pushback_ms, "edgeseg-status": status}
        context.set_trailing_metadata(
            tuple((key, str(value)) for key, value in metadata.items() if value is not None)
        )
        context.abort(code, details)

    return end


def segmentation() -> pb.Segmentation:
    return pb.Segmentation(
        width=WIDTH,
        height=HEIGHT,
        labels=LABELS,
        segments=[
            pb.Segment(
                class_id=1,
                class_name="road",
                area=2,
                box=pb.BoundingBox(x=1, y=0, width=2, height=1),
                mean_confidence=0.5,
                rle=pb.Rle(counts=[2, 1, 1, 1, 1], compressed="21100"),
                polygons=[pb.Polygon(points=[1, 0, 3, 0, 3, 1, 1, 1])],
            ),
            pb.Segment(
                class_id=7,
                class_name="car",
                area=1,
                box=pb.BoundingBox(x=2, y=1, width=1, height=1),
            ),
        ],
        frame_width=640,
        frame_height=480,
        model="toy",
        model_version="0123456789ab",
        delegate="cpu",
        classes=class_infos(),
    )


def segmentation_of(model: pb.Model) -> pb.Segmentation:
    """As `segmentation()`, with the version and the classes of that model."""
    found = segmentation()
    found.model_version = model.version
    found.ClearField("classes")
    found.classes.extend(model.classes)
    return found


def class_infos() -> list[pb.ClassInfo]:
    return [pb.ClassInfo(id=id_, name=name, color=color) for id_, (name, color) in CLASSES.items()]


def server_info() -> pb.GetServerInfoResponse:
    return pb.GetServerInfoResponse(
        version="1.2.3",
        models=[
            pb.Model(
                name="toy",
                version="0123456789ab",
                input_width=8,
                input_height=4,
                output_width=WIDTH,
                output_height=HEIGHT,
                classes=class_infos(),
                delegate="cpu",
                runtime="toy 1.0",
            )
        ],
        formats=[pb.FRAME_FORMAT_JPEG, pb.FRAME_FORMAT_RGB],
        outputs=[pb.OUTPUT_LABELS],
    )


class Script(SegmentationServiceServicer):
    """What the daemon does and what it received; kept when the daemon is restarted."""

    def __init__(self) -> None:
        self.info = server_info()
        self.model = self.info.models[0]
        """The model of the results; another object than that of `info` is behind a balancer."""
        self.says_model = True
        """Whether the initial metadata of streams name the model; an older daemon's do not."""
        self.frames: list[pb.Frame] = []
        self.options: list[pb.StreamOptions | pb.SegmentationOptions] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.refusals: list[Refusal] = []
        """Each ends one call: a unary call at once, a stream after its options."""
        self.accepts = True
        """Whether the daemon accepts the options of streams; else it does not answer them."""
        self.gate = threading.Event()
        """Frames of streams are answered while it is set."""
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        """Released for each frame that arrives."""
        self.stream_ended = threading.Event()
        self._lock = threading.Lock()

    def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> pb.GetServerInfoResponse:
        self.metadata.append(dict(context.invocation_metadata()))
        return self.info

    def SegmentImage(  # noqa: N802
        self, request: pb.SegmentImageRequest, context: grpc.ServicerContext
    ) -> pb.SegmentImageResponse:
        self._saw(request.frame)
        self.options.append(request.options)
        self._refuse(context)
        return pb.SegmentImageResponse(
            frame_id=request.frame.id,
            segmentation=segmentation_of(self.model),
            timing=pb.Timing(invoke_us=2000),
        )

    def Segment(  # noqa: N802
        self, request_iterator: Iterator[pb.SegmentRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.SegmentResponse]:
        if not context.add_callback(self.stream_ended.set):  # it has ended already
            self.stream_ended.set()
        self.options.append(next(request_iterator).options)
        self._refuse(context)
        if self.accepts:
            name, version = self.model.name, self.model.version
            said = (("edgeseg-model", name), ("edgeseg-model-version", version))
            context.send_initial_metadata(said if self.says_model else ())
        for request in request_iterator:
            self._saw(request.frame)
            self.gate.wait()
            if not context.is_active():
                return
            yield self._answer(request.frame)

    def _refuse(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            refusal(context)

    def _saw(self, frame: pb.Frame) -> None:
        self.frames.append(frame)
        self.arrived.release()

    def _answer(self, frame: pb.Frame) -> pb.SegmentResponse:
        response = pb.SegmentResponse(frame_id=frame.id, status=pb.FRAME_STATUS_OK)
        if frame.data.startswith(b"fault "):
            response.status = int(frame.data.split()[1])  # type: ignore[assignment]
            response.message = "as the test wants it"
        else:
            response.segmentation.CopyFrom(segmentation_of(self.model))
        return response


class ScriptedDaemon:
    """Serves the script at `host`; keeps its port when it is restarted."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script = Script()
        self.host = host
        self.port = port
        self.health: HealthServicer | None = None
        """Is served too, if there is one when the daemon starts."""
        self.certificate: Certificate | None = None
        """The daemon speaks TLS with it, if there is one when it starts."""
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 1 << 20)]
        )
        add_SegmentationServiceServicer_to_server(self.script, self._server)
        if self.health is not None:
            add_HealthServicer_to_server(self.health, self._server)
        if self.certificate is None:
            self.port = self._server.add_insecure_port(self.address)
        else:
            files = self.certificate.key.read_bytes(), self.certificate.certificate.read_bytes()
            credentials = grpc.ssl_server_credentials([files])
            self.port = self._server.add_secure_port(self.address, credentials)
        self._server.start()

    def stop_taking(self) -> None:
        """Takes no more calls, and goes on with those that there are."""
        if self._server is not None:
            self._server.stop(grace=60)

    def kill(self) -> None:
        """Stops and breaks every connection, like a crash."""
        if self._server is not None:
            stopped = self._server.stop(grace=None)
            self.script.gate.set()
            stopped.wait()
            self._server = None


@contextmanager
def started_late(daemon: ScriptedDaemon, seconds: float) -> Iterator[None]:
    """Stops the daemon, and starts it again after that many seconds."""
    daemon.kill()
    timer = threading.Timer(seconds, daemon.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@contextmanager
def running(daemon: ScriptedDaemon) -> Iterator[ScriptedDaemon]:
    """Starts the daemon, and breaks its connections at the end."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.kill()
