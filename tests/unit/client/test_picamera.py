"""Frames of picamera2: padding, colours and times, from buffers as its API documents them."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import RawImage
from edgeseg_client.errors import SourceError, WrongSource
from edgeseg_client.sources import open_source, picamera_frame

STAND_IN = Path(__file__).parents[2] / "support" / "picamera2_stand_in"


@pytest.fixture
def picamera2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, whose camera sees a smooth gradient in four colours."""
    gradient = np.linspace((230, 40, 60), (20, 200, 120), 90)
    picture = np.linspace(gradient, gradient[::-1], 160, axis=1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "seen.png")
    monkeypatch.setenv("STAND_IN", str(tmp_path / "seen.png"))
    monkeypatch.syspath_prepend(STAND_IN)
    yield importlib.import_module("picamera2")
    monkeypatch.delitem(__import__("sys").modules, "picamera2")


@pytest.mark.parametrize(
    ("size", "matrix"), [((600, 450), "bt601"), ((1281, 721), "bt709"), ((640, 480), "bt601")]
)
def test_a_frame_of_picamera2_has_the_pixels_and_the_time_of_the_sensor(
    picamera2: ModuleType, tmp_path: Path, size: tuple[int, int], matrix: str
) -> None:
    """Its size is the one that the camera has: that is even, whatever was asked for."""
    with open_source("picamera2", size=size) as source:
        frames = list(islice(source, 2))
    now = time.time_ns()
    assert [frame.id for frame in frames] == [0, 1]
    for frame in frames:
        assert isinstance(frame.image, RawImage)
        assert (frame.image.yuv_matrix, frame.image.yuv_range) == (matrix, "limited")
        picture = frame.picture()
        assert picture.size == (size[0] // 2 * 2, size[1] // 2 * 2)
        with Image.open(tmp_path / "seen.png") as seen:
            right = np.asarray(seen.convert("RGB").resize(picture.size), np.int16)
        assert np.abs(np.asarray(picture, np.int16) - right).max() <= 4
        assert frame.captured_unix_ns is not None
        assert 70_000_000 <= now - frame.captured_unix_ns <= 60_000_000_000


def test_a_program_with_a_camera_of_its_own_takes_the_stream_that_it_wants(
    picamera2: ModuleType,
) -> None:
    with picamera2.Picamera2() as camera:
        lores = {"size": (320, 240), "format": "YUV420"}
        camera.configure(camera.create_video_configuration(lores=lores))
        camera.start()
        request = camera.capture_request()
        frame = picamera_frame(camera, request)
        with pytest.raises(WrongSource, match="main is in XBGR8888, not in YUV420"):
            picamera_frame(camera, request, "main")
        request.release()
        assert frame.picture().size == (320, 240)  # a copy
        camera.camera_configuration()["colour_space"].ycbcrEncoding.name = "Rec2020"
        with pytest.raises(WrongSource, match="are not known"):
            picamera_frame(camera, camera.capture_request())


def test_a_camera_that_picamera2_does_not_have_is_an_error(picamera2: ModuleType) -> None:
    with pytest.raises(SourceError, match="picamera2 has no camera 3"):
        next(iter(open_source("picamera2:3", wait=0)))
