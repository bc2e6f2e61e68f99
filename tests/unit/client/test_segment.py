"""Unary calls: what is sent, what comes back, what is tried again."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import grpc
import numpy as np
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import (
    AccessDenied,
    AsyncClient,
    Box,
    Client,
    ClientClosed,
    EdgesegClientError,
    EngineFailed,
    Expired,
    Frame,
    InvalidRequest,
    NotAsked,
    Overloaded,
    Segment,
    ServerFault,
    Superseded,
    Unavailable,
    Unsupported,
)

from .scripted_daemon import (
    GOOD,
    HEIGHT,
    LABELS,
    WIDTH,
    Script,
    ScriptedDaemon,
    refuse,
    started_late,
)


@contextmanager
def blocked(script: Script) -> Iterator[None]:
    """The next call is not answered until the context ends."""
    answered = threading.Event()
    script.refusals = [lambda _: waited(answered)]
    try:
        yield
    finally:
        answered.set()


def waited(event: threading.Event) -> None:
    assert event.wait(60)


def test_a_result_has_what_the_daemon_sent(client: Client) -> None:
    result = client.segment(Frame(GOOD, id=7), outputs=["labels", "polygons", "statistics"])

    assert result.frame_id == 7
    assert result.labels.shape == (HEIGHT, WIDTH)
    assert result.labels.tobytes() == LABELS
    assert (result.raw_labels, result.outputs) == (
        LABELS,
        ("labels", "polygons", "statistics"),
    )
    assert result.frame_size == (640, 480)
    assert (result.model, result.model_version, result.delegate) == ("toy", "0123456789ab", "cpu")
    assert result.timing.invoke == pytest.approx(0.002)
    assert result.shares == {
        "background": pytest.approx(2 / 6),
        "road": pytest.approx(2 / 6),
        "car": 1 / 6,
    }
    road = result.segments[0]
    assert (road.area, road.box, road.mean_confidence) == (2, Box(1, 0, 2, 1), 0.5)
    assert np.array_equal(road.mask(result.shape), result.labels == 1)
    assert road.polygons[0].points.tolist() == [[1, 0], [3, 0], [3, 1], [1, 1]]
    assert not road.polygons[0].points.flags.writeable


def test_outputs_that_were_not_asked_for_are_missing(client: Client) -> None:
    result = client.segment(GOOD)

    car = Segment(7, "car")
    for read, output in (
        (lambda: car.area, "statistics"),
        (lambda: car.box, "statistics"),
        (lambda: car.mean_confidence, "confidence"),
        (lambda: car.rle, "rle"),
        (lambda: car.polygons, "polygons"),
        (lambda: car.mask(result.shape), "rle"),
        (lambda: car.coco_rle(result.shape), "rle_compressed"),
    ):
        with pytest.raises(NotAsked, match=rf"ask for it with outputs=.*'{output}'"):
            read()
    for polygons in (result.polygons, result.geojson, result.coco_annotations):
        with pytest.raises(NotAsked, match="polygons"):
            polygons()
    with pytest.raises(NotAsked, match="confidence_map"):
        _ = result.confidence_map


def test_options_reach_the_daemon(client: Client, script: Script) -> None:
    client.segment(
        GOOD,
        outputs=["labels_png", "rle"],
        size=(20, 10),
        resize="letterbox",
        classes=["Car", 3],
        model="toy",
        max_age=0.25,
    )

    (options,) = script.options
    assert options == pb.SegmentationOptions(
        model="toy",
        outputs=[pb.OUTPUT_LABELS_PNG, pb.OUTPUT_RLE],
        size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_CUSTOM, width=20, height=10),
        resize=pb.RESIZE_POLICY_LETTERBOX,
        classes=[7, 3],
        max_age_ms=250,
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"polygon_tolerance": 0}, pb.PolygonOptions(tolerance=0)),
        ({"polygon_tolerance": np.float32(1.5)}, pb.PolygonOptions(tolerance=1.5)),
        ({"polygon_min_area": 40}, pb.PolygonOptions(min_area=40)),
    ],
)
def test_options_of_polygons_reach_the_daemon(
    client: Client, script: Script, options: dict[str, Any], sent: pb.PolygonOptions
) -> None:
    client.segment(GOOD, outputs=["polygons"], **options)

    (received,) = script.options
    assert isinstance(received, pb.SegmentationOptions)
    assert received.polygons == sent
    assert received.polygons.HasField("tolerance") == ("polygon_tolerance" in options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"polygon_tolerance": -1}, "a number of pixels of at least 0, not -1"),
        ({"polygon_tolerance": float("nan")}, "not nan"),
        ({"polygon_tolerance": "1"}, "not '1'"),
        ({"polygon_min_area": 1.5}, r"polygon_min_area is a whole number .* not 1\.5"),
        ({"outputs": ["mask"]}, "there are: labels, labels_png"),
        ({"size": "huge"}, "give 'frame', 'model', or a width and a height"),
        ({"size": "custom"}, "give 'frame'"),
        ({"size": "0x480"}, "a width is a whole number from 1"),
        ({"size": "640x"}, "give 'frame'"),
        ({"size": (0, 5)}, "a width is a whole number from 1"),
        ({"size": (5, 2**33)}, "a height is a whole number"),
        ({"size": (5.5, 3)}, r"not 5\.5"),
        ({"size": 5}, "not a size; give 'frame'"),
        ({"size": (1, 2, 3)}, "not a size; give 'frame'"),
        ({"classes": [-1]}, "from 0 to 254, not -1"),
        ({"classes": [2**40]}, "from 0 to 254"),
        ({"classes": [None]}, "not None"),
        ({"classes": 5}, r"classes=\[5\]"),
        ({"classes": "car"}, r"classes=\['car'\]"),
        ({"outputs": "labels"}, r"outputs=\['labels'\]"),
        ({"outputs": [["labels"]]}, "there are: labels"),
        ({"model": 3}, "by its name"),
        ({"model": "\udcff"}, "UTF-8 cannot encode it"),
        ({"classes": ["\udcff"]}, "no class"),
        ({"pixel_format": "bgra"}, "there are: rgb, bgr"),
        ({"max_age": 1e12}, "at most 4294967 seconds"),
        ({"max_age": float("nan")}, "nan"),
        ({"max_age": "1"}, "number of seconds"),
        ({"sizes": "frame"}, r"no option 'sizes'; did you mean 'size'\? There are: outputs, size"),
        ({"nonsense": 1}, "no option 'nonsense'; There are: outputs, size"),
        ({"resize": "squash"}, "letterbox"),
        ({"max_age": -1}, "more than 0"),
        ({"classes": ["cat"]}, "it has: background, road, car"),
        ({"classes": ["car"], "model": "other"}, "it serves: toy"),
    ],
)
def test_wrong_options_say_what_is_right(
    client: Client, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        client.segment(GOOD, **options)
    with pytest.raises(InvalidRequest, match=message):
        list(client.stream([GOOD], **options))


def test_options_may_come_from_iterators(client: Client, script: Script) -> None:
    classes = cast(Any, (one for one in ["car", np.int64(1)]))
    client.segment(GOOD, outputs=cast(Any, iter(["rle"])), classes=classes)

    (options,) = script.options
    assert options == pb.SegmentationOptions(
        outputs=[pb.OUTPUT_RLE],
        classes=[7, 1],
        size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME),
        resize=pb.RESIZE_POLICY_STRETCH,
    )


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, InvalidRequest),
        (grpc.StatusCode.UNIMPLEMENTED, Unsupported),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Expired),
        (grpc.StatusCode.UNAUTHENTICATED, AccessDenied),
        (grpc.StatusCode.FAILED_PRECONDITION, EngineFailed),
        (grpc.StatusCode.DATA_LOSS, ServerFault),
    ],
)
def test_a_call_fails_by_fault_and_the_next_works(
    client: Client, script: Script, code: grpc.StatusCode, error: type[EdgesegClientError]
) -> None:
    script.refusals = [refuse(code, "the reason")]

    with pytest.raises(error, match="the reason"):
        client.segment(GOOD)
    assert client.segment(GOOD).model == "toy"


def test_an_internal_error_of_an_older_daemon_is_not_tried_again(
    client: Client, script: Script
) -> None:
    text = "a fault of the daemon; its log says more"
    script.refusals = [refuse(grpc.StatusCode.INTERNAL, text)]

    with pytest.raises(ServerFault, match="its log says more"):
        client.segment(GOOD)
    assert client.segment(GOOD).model == "toy"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("INVALID", InvalidRequest),
        ("UNIMPLEMENTED", Unsupported),
        ("EXPIRED", Expired),
        ("SUPERSEDED", Superseded),
        ("ENGINE_FAILED", EngineFailed),
        ("INTERNAL", ServerFault),
    ],
)
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN])
def test_the_daemons_own_status_counts_whatever_the_code_is(
    client: Client,
    script: Script,
    status: str,
    error: type[EdgesegClientError],
    code: grpc.StatusCode,
) -> None:
    script.refusals = [refuse(code, "the reason", status=status)]

    with pytest.raises(error, match="the reason"):
        client.segment(GOOD)
    assert len(script.frames) == 1
    assert client.segment(GOOD).model == "toy"


@pytest.mark.parametrize("status", ["UNAVAILABLE", "OVERLOADED"])
def test_a_daemon_without_an_engine_or_with_too_much_work_is_tried_again(
    client: Client, script: Script, status: str
) -> None:
    script.refusals = [refuse(grpc.StatusCode.INTERNAL, pushback_ms=5, status=status)] * 2

    assert client.segment(GOOD).model == "toy"


@pytest.mark.parametrize("status", ["RETIRED", "OK", "UNSPECIFIED", "invalid", ""])
def test_a_status_that_this_client_does_not_know_leaves_the_code(
    client: Client, script: Script, status: str
) -> None:
    script.refusals = [refuse(grpc.StatusCode.NOT_FOUND, "the reason", status=status)]

    with pytest.raises(InvalidRequest, match="the reason"):
        client.segment(GOOD)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL])
def test_a_call_that_grpc_or_a_proxy_ended_is_tried_again(
    client: Client, script: Script, code: grpc.StatusCode
) -> None:
    """For example a reset by a proxy: "Stream removed", "Received RST_STREAM with error code 2"."""
    script.refusals = [refuse(code, "Stream removed")] * 2

    assert client.segment(GOOD).model == "toy"


def test_a_full_queue_is_tried_again_when_the_daemon_says(client: Client, script: Script) -> None:
    script.refusals = [refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, pushback_ms=5)] * 6

    assert client.segment(bytes(500_000)).model == "toy"
    assert len(script.frames) == 7


def test_a_full_queue_is_not_tried_again_before_the_time_that_the_daemon_named(
    client: Client, script: Script
) -> None:
    script.refusals = [refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, pushback_ms=500)]

    client.segment(GOOD)
    first, second = script.frames
    assert second.age_us - first.age_us >= 500_000


def test_a_call_does_not_wait_for_a_queue_past_its_timeout(client: Client, script: Script) -> None:
    script.refusals = [refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", pushback_ms=60_000)]

    with pytest.raises(Overloaded, match="full"):
        client.segment(GOOD, timeout=10)


def test_many_threads_get_through_a_queue_that_is_mostly_full(
    client: Client, script: Script
) -> None:
    script.refusals = [refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, pushback_ms=20)] * 100

    with ThreadPoolExecutor(20) as threads:
        models = list(threads.map(lambda _: client.segment(GOOD).model, range(40)))
    assert models == ["toy"] * 40
    assert script.refusals == []


def test_a_queue_that_stays_full_says_when_to_come_back(
    daemon: ScriptedDaemon, script: Script
) -> None:
    script.refusals = [refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", pushback_ms=5)]

    with Client(daemon.address, retry_for=0) as client:
        with pytest.raises(Overloaded, match="full") as caught:
            client.segment(GOOD)
        assert caught.value.retry_after == 0.005
        assert client.segment(GOOD).model == "toy"


def test_a_message_over_the_limit_is_an_invalid_request(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="larger than the daemon accepts"):
        client.segment(bytes(2 << 20))
    assert client.segment(GOOD).model == "toy"


def test_a_daemon_that_cancels_is_not_the_callers_cancellation(
    daemon: ScriptedDaemon, script: Script
) -> None:
    script.refusals = [refuse(grpc.StatusCode.CANCELLED)]

    with Client(daemon.address, retry_for=0) as client:
        with pytest.raises(Unavailable):
            client.segment(GOOD)
        assert client.segment(GOOD).model == "toy"


def test_a_call_that_is_unavailable_is_tried_again(client: Client, script: Script) -> None:
    script.refusals = [refuse(grpc.StatusCode.UNAVAILABLE)] * 2

    assert client.segment(GOOD).model == "toy"


def test_a_call_waits_for_a_daemon_that_starts_late(daemon: ScriptedDaemon) -> None:
    with started_late(daemon, 2.0), Client(daemon.address, retry_for=20) as client:
        assert client.segment(GOOD).model == "toy"


def test_a_call_without_a_daemon_is_unavailable(daemon: ScriptedDaemon) -> None:
    daemon.kill()

    with (
        Client(daemon.address, retry_for=0.2) as client,
        pytest.raises(Unavailable, match=r"(?i)connect"),
    ):
        client.segment(GOOD)


def test_a_call_expires_after_its_timeout(client: Client, script: Script) -> None:
    with blocked(script), pytest.raises(Expired):
        client.segment(GOOD, timeout=0.2)
    assert client.segment(GOOD).model == "toy"


def test_a_call_with_a_timeout_of_0_expires(client: Client) -> None:
    with pytest.raises(Expired):
        client.segment(GOOD, timeout=0)
    assert client.segment(GOOD).model == "toy"


def test_the_token_is_sent_as_a_bearer(daemon: ScriptedDaemon, script: Script) -> None:
    with Client(daemon.address, token="secret") as client:  # noqa: S106
        client.info()
    assert script.metadata[0]["authorization"] == "Bearer secret"


def test_the_clients_info_describes_the_daemon_and_its_model(client: Client) -> None:
    info = client.info()

    assert info.version == "1.2.3"
    assert info.formats == ("jpeg", "rgb")
    assert info.outputs == ("labels",)
    model = info.model()
    assert (model.name, model.input_size, model.output_size) == ("toy", (8, 4), (WIDTH, HEIGHT))
    assert [(one.id, one.name) for one in model.classes] == [
        (0, "background"),
        (1, "road"),
        (7, "car"),
    ]
    assert model.classes[1].color == (0x80, 0x40, 0x80)


@pytest.mark.parametrize("address", ["localhost", "::1:", "host:http", ""])
def test_an_address_needs_a_port(address: str) -> None:
    with Client(address) as client, pytest.raises(InvalidRequest, match="HOST:PORT"):
        client.info()


def test_a_name_of_mdns_is_resolved_by_the_system(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = socket.getaddrinfo

    def lookup(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        return known("127.0.0.1" if host == "board.local" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with Client(f"board.local:{daemon.port}") as client:
        assert client.info().version == "1.2.3"


def test_a_host_name_that_cannot_be_resolved_is_unavailable() -> None:
    with (
        Client("no-such-board.local:8460", retry_for=0) as client,
        pytest.raises(Unavailable, match=r"no-such-board\.local"),
    ):
        client.info()


def test_a_client_serves_many_threads(client: Client, script: Script) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = threads.map(lambda id_: client.segment(Frame(GOOD, id=id_)).frame_id, range(64))

    assert list(ids) == list(range(64))
    assert len(script.frames) == 64


def test_a_call_of_a_closed_client_raises_client_closed(daemon: ScriptedDaemon) -> None:
    client = Client(daemon.address)
    assert client.segment(GOOD).model == "toy"
    client.close()
    client.close()
    with pytest.raises(ClientClosed):
        client.segment(GOOD)


async def test_the_asyncio_client_segments_several_frames_at_once(
    async_client: AsyncClient,
) -> None:
    results = await asyncio.gather(
        *(async_client.segment(Frame(GOOD, id=id_)) for id_ in range(10))
    )

    assert [result.frame_id for result in results] == list(range(10))


async def test_a_cancelled_call_of_the_asyncio_client_raises_cancelled_error(
    async_client: AsyncClient, script: Script
) -> None:
    with blocked(script):
        call = asyncio.create_task(async_client.segment(GOOD))
        assert await asyncio.to_thread(script.arrived.acquire, timeout=60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (await async_client.segment(GOOD)).model == "toy"


def test_a_call_that_ends_with_ok_but_without_an_answer_is_a_fault_of_the_server() -> None:
    nothing: Any = grpc.stream_stream_rpc_method_handler(lambda _requests, _context: iter(()))
    methods = {"GetServerInfo": nothing, "SegmentImage": nothing}
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("edgeseg.v1.SegmentationService", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"127.0.0.1:{port}") as client:
            with pytest.raises(ServerFault, match="sent no response"):
                client.info()
            with pytest.raises(ServerFault, match="sent no response"):
                client.segment(b"\xff\xd8\xffpicture")
    finally:
        server.stop(None)
