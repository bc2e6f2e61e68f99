"""Real messages of ROS 2, through the real daemon, and masks as real messages."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg_client import NO_CLASS, Client, RawImage, Result
from edgeseg_ros.errors import ImageRefused
from edgeseg_ros.state import Level
from scenes import CLASSES, draw_scene
from support.ros_messages import TYPES, compressed_message, image_message, pixels, transmitted
from support.ros_node import NodeWithoutRos
from support.running_daemon import Launch, RunningDaemon

SCENE: npt.NDArray[np.uint8] = draw_scene(7).image
HEIGHT, WIDTH = SCENE.shape[:2]
OTHER_MODEL = Path(__file__).parents[1] / "data/cases/models/argmax_i32.tflite"
STAMP = 1_790_000_000_123_456_789


def rows(array: npt.NDArray[np.uint8], padding: int = 0) -> npt.NDArray[np.uint8]:
    return np.pad(array.reshape(array.shape[0], -1), ((0, 0), (0, padding)))


def file(kind: str, array: npt.NDArray[np.uint8] = SCENE) -> bytes:
    written = io.BytesIO()
    Image.fromarray(array).save(written, kind)
    return written.getvalue()


def yuyv(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture as a webcam gives it: full range for the test, chroma of every second pixel."""
    y, u, v = np.moveaxis(np.asarray(Image.fromarray(array).convert("YCbCr")), -1, 0)
    return np.stack([y[:, 0::2], u[:, 0::2], y[:, 1::2], v[:, 0::2]], axis=-1).reshape(HEIGHT, -1)


def nv12(array: npt.NDArray[np.uint8], *, v_first: bool = False) -> npt.NDArray[np.uint8]:
    y, u, v = np.moveaxis(np.asarray(Image.fromarray(array).convert("YCbCr")), -1, 0)
    planes = (v, u) if v_first else (u, v)
    chroma = np.stack([plane[::2, ::2] for plane in planes], axis=-1).reshape(HEIGHT // 2, WIDTH)
    return np.vstack([y, chroma])


GRAY = np.asarray(Image.fromarray(SCENE).convert("L"))
ALPHA = np.full((HEIGHT, WIDTH, 1), 3, np.uint8)
LOW = np.full_like(GRAY, 200)


def by_client(daemon: RunningDaemon, image: object, **options: object) -> Result:
    with Client(daemon.address) as client:
        return client.segment(image, size="frame", **options)  # type: ignore[arg-type]


SAME_PIXELS = {
    "rgb8": (rows(SCENE, 12), 0, SCENE),
    "bgr8": (rows(SCENE[..., ::-1].copy()), 0, SCENE),
    "rgba8": (rows(np.dstack([SCENE, ALPHA]), 4), 0, SCENE),
    "bgra8": (rows(np.dstack([SCENE[..., ::-1], ALPHA])), 0, SCENE),
    "mono8": (rows(GRAY, 3), 0, GRAY),
    "mono16": (rows(np.dstack([LOW, GRAY]), 6), 0, GRAY),
    "mono16 big-endian": (rows(np.dstack([GRAY, LOW]), 6), 1, GRAY),
    "yuv422_yuy2": (
        rows(yuyv(SCENE), 8),
        0,
        RawImage(yuyv(SCENE).tobytes(), "yuyv", WIDTH, HEIGHT),
    ),
    "yuv422": (
        rows(yuyv(SCENE).reshape(-1, 2)[:, ::-1].reshape(HEIGHT, -1), 8),
        0,
        RawImage(yuyv(SCENE).tobytes(), "yuyv", WIDTH, HEIGHT),
    ),
    "nv12": (rows(nv12(SCENE), 16), 0, RawImage(nv12(SCENE).tobytes(), "nv12", WIDTH, HEIGHT)),
    "nv21": (
        rows(nv12(SCENE, v_first=True), 16),
        0,
        RawImage(nv12(SCENE).tobytes(), "nv12", WIDTH, HEIGHT),
    ),
}
"""Rows as a driver publishes them, the byte order, and the same picture for the client."""


@pytest.mark.parametrize("encoding", SAME_PIXELS)
def test_the_mask_of_every_encoding_is_that_of_the_client_pixel_by_pixel(
    daemon: RunningDaemon, encoding: str
) -> None:
    data, is_bigendian, same = SAME_PIXELS[encoding]
    message = image_message(
        data,
        encoding.partition(" ")[0],
        WIDTH,
        HEIGHT,
        stamp_ns=STAMP,
        is_bigendian=is_bigendian,
    )
    with NodeWithoutRos(daemon.address) as node:
        mask = node.segment(message)
    right = by_client(daemon, same).labels
    assert (pixels(mask) == right).all()
    assert len(np.unique(right)) > 1
    assert mask.header == message.header
    assert (mask.header.stamp.sec, mask.header.stamp.nanosec) == divmod(STAMP, 10**9)


@pytest.mark.parametrize(
    ("text", "data"),
    [("jpeg", file("JPEG")), ("rgb8; png compressed bgr8", file("PNG"))],
)
def test_the_mask_of_a_compressed_image_is_that_of_its_file(
    daemon: RunningDaemon, text: str, data: bytes
) -> None:
    with NodeWithoutRos(daemon.address, image_transport="compressed") as node:
        mask = node.segment(compressed_message(data, text, stamp_ns=STAMP))
    assert (pixels(mask) == by_client(daemon, data).labels).all()
    assert mask.header.stamp.nanosec == STAMP % 10**9


def test_red_and_blue_of_a_file_are_exchanged_if_that_is_set(daemon: RunningDaemon) -> None:
    swapped = file("PNG", SCENE[..., ::-1].copy())
    message = compressed_message(swapped, "rgb8; png compressed rgb8")
    settings = {"image_transport": "compressed", "compressed_rgb": "exchanged"}
    with NodeWithoutRos(daemon.address, **settings) as node:  # type: ignore[arg-type]
        mask = node.segment(message)
    assert (pixels(mask) == by_client(daemon, SCENE).labels).all()
    assert (pixels(mask) != by_client(daemon, swapped).labels).any()


def test_each_mask_has_the_header_of_its_own_image(daemon: RunningDaemon) -> None:
    """Pictures that differ, at full speed: a mask with another's header would be noticed."""
    scenes = [draw_scene(number).image for number in range(8)]
    right = {number: by_client(daemon, scene).labels for number, scene in enumerate(scenes)}
    with NodeWithoutRos(daemon.address) as node:
        for stamp in range(80):
            data = rows(scenes[stamp % 8])
            node.receive(image_message(data, "rgb8", WIDTH, HEIGHT, stamp_ns=stamp))
            time.sleep(0.005)
        last = node.segment(image_message(rows(scenes[0]), "rgb8", WIDTH, HEIGHT, stamp_ns=80))
        masks = node.topics["mask"].messages.copy()
    stamps = [mask.header.stamp.nanosec for mask in masks]
    assert stamps == sorted(set(stamps))
    assert len(stamps) > 3
    assert last.header.stamp.nanosec <= 80
    for mask in masks:
        assert (pixels(mask) == right[mask.header.stamp.nanosec % 8]).all()


def test_label_info_comes_before_the_first_mask_and_once(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, classes="ball") as node:
        mask = node.segment(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=STAMP))
        node.segment(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT))
        (info,) = node.topics["label_info"].messages
    assert {one.class_id: one.class_name for one in info.class_map} == {
        **dict(enumerate(CLASSES)),
        NO_CLASS: "UNLABELED",
    }
    assert info.header.stamp.nanosec == STAMP % 10**9
    assert set(np.unique(pixels(mask))) <= {CLASSES.index("ball"), NO_CLASS}


def test_confidence_is_that_of_the_client(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, outputs="mask,confidence") as node:
        mask = node.segment(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=STAMP))
        (confidence,) = node.topics["confidence"].wait_for(1)
    right = by_client(daemon, SCENE, outputs=["labels", "confidence_map"])
    assert (pixels(confidence) == right.confidence_map).all()
    assert confidence.header == mask.header


def test_overlay_and_colours_are_made_only_if_someone_listens(daemon: RunningDaemon) -> None:
    message = image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=STAMP)
    with NodeWithoutRos(daemon.address) as node:
        node.segment(message)
        assert not node.topics["overlay"].messages
        assert not node.topics["colored"].messages
        for name in ("overlay", "colored"):
            node.topics[name].listeners = 1
        mask = node.segment(message)
        (drawn,) = node.topics["overlay"].wait_for(1)
        (colored,) = node.topics["colored"].wait_for(1)
    right = by_client(daemon, SCENE)
    assert (pixels(drawn) == np.asarray(right.overlay(SCENE, legend=False))).all()
    assert drawn.header == colored.header == mask.header
    ball = pixels(mask) == CLASSES.index("ball")
    assert ball.any()
    assert (pixels(colored)[ball] == right.class_table[CLASSES.index("ball")].color).all()


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "nv12", "mono16"])
def test_the_overlay_is_drawn_on_images_of_any_encoding(
    daemon: RunningDaemon, encoding: str
) -> None:
    data, _, _ = SAME_PIXELS[encoding]
    message = image_message(data, encoding, WIDTH, HEIGHT)
    listeners = {"overlay": 1}
    with NodeWithoutRos(daemon.address, listeners=listeners, yuv_range="full") as node:
        mask = node.segment(message)
        (drawn,) = node.topics["overlay"].wait_for(1)
    background = pixels(mask) == CLASSES.index("background")
    inside = background[1:-1, 1:-1] & background[:-2, 1:-1] & background[2:, 1:-1]
    expected = np.repeat(GRAY[..., None], 3, -1) if encoding == "mono16" else SCENE
    difference = np.abs(pixels(drawn).astype(int) - expected)[1:-1, 1:-1][inside]
    assert inside.sum() > 1000
    assert np.median(difference) <= 4


def test_masks_have_the_size_that_was_set(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, size="64x48") as node:
        mask = node.segment(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT))
    assert pixels(mask).shape == (48, 64)


@pytest.mark.parametrize("stamp_ns", [0, 5 * 10**9, STAMP])
def test_a_stamp_that_is_not_of_the_wall_clock_expires_no_image(
    daemon: RunningDaemon, stamp_ns: int
) -> None:
    """Stamps of 1970, of a simulation and of a recording."""
    message = image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=stamp_ns)
    with NodeWithoutRos(daemon.address, max_age=5.0) as node:
        mask = node.segment(message)
        values = node.state.report().values
    assert mask.header == message.header
    assert values["age_counts_from"] == "the receipt of the image"


def test_an_image_that_is_too_old_by_its_stamp_gets_no_mask(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, max_age=0.001) as node:
        late = time.time_ns() - 3 * 10**9
        node.receive(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=late))
        fails_by = time.monotonic() + 60
        while node.state.report().values["expired"] == "0":
            assert time.monotonic() < fails_by
            time.sleep(0.01)
        assert not node.topics["mask"].messages


def test_an_image_that_the_daemon_refuses_harms_no_other(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, image_transport="compressed") as node:
        damaged = compressed_message(file("JPEG")[:2000], "jpeg")
        node.receive(damaged)
        fails_by = time.monotonic() + 60
        while (report := node.state.report()).values["failed"] == "0":
            assert time.monotonic() < fails_by
            time.sleep(0.01)
        assert "damaged" in report.values["last_failure"]
        mask = node.segment(compressed_message(file("JPEG"), "jpeg"))
    assert (pixels(mask) == by_client(daemon, file("JPEG")).labels).all()


def test_bayer_is_refused_before_it_is_sent(daemon: RunningDaemon) -> None:
    with (
        NodeWithoutRos(daemon.address) as node,
        pytest.raises(ImageRefused, match="debayer"),
    ):
        node.receive(image_message(rows(GRAY), "bayer_rggb8", WIDTH, HEIGHT))


def test_a_class_that_the_model_lacks_is_an_error_that_names_it(daemon: RunningDaemon) -> None:
    with NodeWithoutRos(daemon.address, classes="unicorn") as node:
        node.receive(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT))
        fails_by = time.monotonic() + 60
        while (report := node.state.report()).level is not Level.ERROR:
            assert time.monotonic() < fails_by
            time.sleep(0.01)
    assert "unicorn" in report.message


def test_a_daemon_that_goes_away_is_reported_and_used_again_when_it_is_back(
    launch: Launch,
) -> None:
    message = image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT, stamp_ns=STAMP)
    first = launch("--delegate=cpu")
    with NodeWithoutRos(first.address, stale_after=30.0) as node:
        node.segment(message)
        assert node.state.report().level is Level.OK
        assert first.stop() == 0
        fails_by = time.monotonic() + 60
        while (report := node.state.report()).level is not Level.ERROR:
            assert time.monotonic() < fails_by
            node.receive(message)
            time.sleep(0.02)
        assert report.message.startswith("no daemon that can be used: failed to connect")
        second = launch("--delegate=cpu", f"--listen={first.address}")
        before = len(node.topics["mask"].messages)
        while len(node.topics["mask"].messages) == before:
            assert time.monotonic() < fails_by
            node.receive(message)
            time.sleep(0.02)
        mask = node.topics["mask"].messages[-1]
        node.state.report()
        node.segment(message)
        assert node.state.report().level is Level.OK
    assert (pixels(mask) == by_client(second, SCENE).labels).all()


def test_another_model_after_a_restart_publishes_its_own_class_names(
    launch: Launch, tmp_path: Path
) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(OTHER_MODEL.read_bytes())
    other.with_suffix(".toml").write_text("input = { mean = 127.5, std = 127.5 }", "ascii")
    message = image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT)
    first = launch("--delegate=cpu")
    with NodeWithoutRos(first.address) as node:
        node.segment(message)
        assert first.stop() == 0
        launch("--delegate=cpu", f"--listen={first.address}", f"--model={other}")
        fails_by = time.monotonic() + 60
        while len(node.topics["label_info"].messages) < 2:
            assert time.monotonic() < fails_by
            node.receive(message)
            time.sleep(0.02)
        before, after = node.topics["label_info"].messages
    assert "ball" in [one.class_name for one in before.class_map]
    assert [one.class_name for one in after.class_map] == [
        *(f"class {number}" for number in range(4)),
        "UNLABELED",
    ]


def test_images_go_through_memory_that_is_shared_with_the_daemon(
    launch: Launch, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    running = launch("--delegate=cpu", f"--listen={address}")
    message = image_message(rows(SCENE, 12), "rgb8", WIDTH, HEIGHT)
    with NodeWithoutRos(address, shared_memory=True) as node:
        mask = node.segment(message)
        assert running.metric("edgeseg_shared_memory_bytes") > 0
    assert (pixels(mask) == by_client(running, SCENE).labels).all()


def test_without_a_daemon_images_are_dropped_and_closing_does_not_wait() -> None:
    with NodeWithoutRos("127.0.0.1:1") as node:
        for _ in range(20):
            node.receive(image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT))
        assert node.state.report().values["superseded"] == "19"
    assert not node.topics["mask"].messages


def test_a_message_of_another_type_is_not_what_the_tests_expect() -> None:
    """Otherwise the tests above would pass with any object: the serialization knows its fields."""
    message = image_message(rows(SCENE), "rgb8", WIDTH, HEIGHT)
    with pytest.raises(TypeError):
        TYPES.image(header=message.header)
    message.width = "640"
    with pytest.raises(Exception, match="required argument is not an integer"):
        transmitted(message)
