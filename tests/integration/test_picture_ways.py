"""The same picture gets the same labels, on whichever way the daemon gets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg_client import Client, ImageLike, InvalidRequest, Plane, RawImage
from edgeseg_client.frame import RawFormat
from edgeseg_client.overlay import open_picture, overlay
from scenes import draw_scene
from support.pictures import exif
from support.running_daemon import RunningDaemon

CASES = Path(__file__).parents[1] / "unit" / "imaging" / "data"
Labels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    """One whose engine stays the same: with other threads, sums are rounded otherwise."""
    running = RunningDaemon("--delegate=cpu", "--threads=1", "--optimize=latency")
    yield running
    assert running.stop() == 0


def on_every_way(client: Client, path: Path) -> list[Labels]:
    """The labels of a file by its path, bytes, Pillow image and array, alone and in a stream."""
    loaded = Image.open(path)
    loaded.load()
    array = np.asarray(open_picture(path))
    with Image.open(path) as unloaded:
        ways: list[ImageLike] = [path, path.read_bytes(), unloaded, loaded, array]
        single = [client.segment(way, size="frame").labels for way in ways]
        streamed = [
            answer.result.labels for answer in client.stream(ways, policy="every", size="frame")
        ]
    assert len(streamed) == len(ways)
    return single + streamed


@pytest.mark.parametrize("facts", ["gps_0_0", "gps_altref_ascii", "gps_byte_alt_neg"])
def test_pictures_with_odd_exif_are_segmented_like_the_plain_one(
    daemon: RunningDaemon, facts: str
) -> None:
    with Client(daemon.address) as client:
        plain = client.segment(CASES / "orient6_plain.jpg", size="frame").labels
        assert plain.shape == (64, 48)
        for labels in on_every_way(client, CASES / f"orient6_{facts}.jpg"):
            assert np.array_equal(labels, plain)


@pytest.mark.parametrize(
    ("mode", "ending", "options"),
    [
        ("RGB", "png", {"exif": exif(8)}),
        ("RGBA", "png", {}),
        ("P", "png", {}),
        ("LA", "png", {}),
        ("1", "png", {}),
        ("RGB", "webp", {"lossless": True, "exif": exif(3)}),
        ("RGB", "bmp", {}),
    ],
)
def test_a_lossless_file_has_the_same_labels_on_every_way(
    daemon: RunningDaemon, tmp_path: Path, mode: str, ending: str, options: dict[str, Any]
) -> None:
    path = tmp_path / f"scene.{ending}"
    Image.fromarray(draw_scene(5).image).convert(mode).save(path, **options)
    with Client(daemon.address) as client:
        first, *others = on_every_way(client, path)
    assert len(others) == 9
    for labels in others:
        assert np.array_equal(labels, first)


def test_16_bits_have_the_labels_of_their_upper_8_on_every_way(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    grey = np.asarray(Image.fromarray(draw_scene(5).image).convert("L"))
    path = tmp_path / "scene.png"
    Image.fromarray(grey.astype(np.uint16) * 256 + 77).save(path)
    raw = (grey.astype("<u2") * 256 + 77).tobytes()
    frame = RawImage(raw, "gray16", grey.shape[1], grey.shape[0])
    with Client(daemon.address) as client:
        wanted = client.segment(grey, size="frame").labels
        ways = [*on_every_way(client, path), client.segment(frame, size="frame").labels]
        shown = open_picture(path)
    assert len(np.unique(wanted)) > 1
    for labels in ways:
        assert np.array_equal(labels, wanted)
    assert np.array_equal(np.asarray(shown)[..., 0], grey)


def test_pictures_without_an_end_marker_or_with_a_long_text_are_segmented(
    daemon: RunningDaemon,
) -> None:
    with Client(daemon.address) as client:
        for name in ("no_eoi.jpg", "itxt_big.png"):
            result = client.segment(CASES / name, size="frame")
            assert result.labels.shape == (240, 320)
            assert overlay(CASES / name, result, (), legend=False).size == (320, 240)
        with pytest.raises(InvalidRequest, match="the JPEG is damaged"):
            client.segment(CASES / "half_eoi.jpg")
        statuses = [
            answer.status.value
            for answer in client.stream(
                [CASES / name for name in ("no_eoi.jpg", "half_eoi.jpg", "itxt_big.png")],
                policy="every",
            )
        ]
    assert statuses == ["ok", "invalid", "ok"]


@pytest.mark.parametrize("format_", ["nv12", "nv21", "i420", "yuyv", "uyvy", "bgra"])
def test_a_padded_buffer_has_the_labels_of_the_packed_frame(
    daemon: RunningDaemon, format_: RawFormat
) -> None:
    """Every row has 64 bytes more and every plane eight rows more, of noise."""
    scene = draw_scene(5).image
    height, width = scene.shape[:2]
    bytes_of_pixel = {"yuyv": 2, "uyvy": 2, "bgra": 4}.get(format_, 1)
    rng = np.random.default_rng(0)
    packed_row, stride, rows = width * bytes_of_pixel, width * bytes_of_pixel + 64, height + 8
    shapes = [(height, packed_row, 0, stride)]
    if format_ in ("nv12", "nv21"):
        shapes.append((height // 2, width, stride * rows, stride))
    elif format_ == "i420":
        half = stride // 2
        shapes.append((height // 2, width // 2, stride * rows, half))
        shapes.append((height // 2, width // 2, stride * rows * 5 // 4, half))
    luma = np.asarray(Image.fromarray(scene).convert("L"))
    padded = rng.integers(0, 256, stride * rows * 3 // 2 + 4096, dtype=np.uint8)
    packed = b""
    for number, (count, length, offset, plane_stride) in enumerate(shapes):
        plane = rng.integers(120, 136, (count, length), dtype=np.uint8)
        if number == 0:
            plane = np.resize(luma.repeat(bytes_of_pixel, 1), (count, length))
        view = np.lib.stride_tricks.as_strided(padded[offset:], plane.shape, (plane_stride, 1))
        view[:] = plane
        packed += plane.tobytes()
    buffer = RawImage.padded(padded.tobytes(), format_, width, height, stride=stride, rows=rows)
    assert [Plane(*shape[2:]) for shape in shapes] == list(buffer.planes)
    with Client(daemon.address) as client:
        wanted = client.segment(RawImage(packed, format_, width, height)).labels
        assert np.array_equal(client.segment(buffer).labels, wanted)
    assert len(np.unique(wanted)) > 1
