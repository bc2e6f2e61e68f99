"""RTSP cameras as sources: a real server of GStreamer, which is killed and comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pytest

from edgeseg_client import RawImage
from edgeseg_client.errors import SourceLost
from edgeseg_client.sources import open_source

pytestmark = [pytest.mark.system, pytest.mark.slow]

SERVER = Path(__file__).parents[1] / "support" / "rtsp_camera.py"
PYTHON = "/usr/bin/python3"
"""The system's, whose packages GStreamer's bindings are."""
NEEDS = (
    "needs GStreamer's RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0"
    " gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)


@contextmanager
def camera(port: int = 0) -> Iterator[int]:
    """The port of a server."""
    try:
        server = subprocess.Popen(
            [PYTHON, SERVER, str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        pytest.skip(NEEDS)
    with server:
        try:
            if not (bound := cast(IO[str], server.stdout).readline()):
                pytest.skip(f"{NEEDS} ({server.communicate()[1].splitlines()[-1:]})")
            yield int(bound)
        finally:
            server.kill()


def test_an_rtsp_camera_of_mjpeg_gives_whole_jpegs() -> None:
    with camera() as port, open_source(f"rtsp://127.0.0.1:{port}/jpeg") as source:
        frames = list(islice(source, 5))
    for frame in frames:
        assert isinstance(frame.image, bytes)
        assert frame.image[:2] == b"\xff\xd8"
        assert frame.picture().size == (320, 240)
    assert [frame.id for frame in frames] == list(range(5))


def test_an_rtsp_camera_of_another_codec_gives_its_yuv() -> None:
    with camera() as port, open_source(f"yard=rtsp://127.0.0.1:{port}/yuv") as source:
        frames = list(islice(source, 5))
    assert all(isinstance(frame.image, RawImage) for frame in frames)
    assert {frame.picture().size for frame in frames} == {(320, 240)}


def test_an_rtsp_camera_that_was_killed_comes_back() -> None:
    states: list[str] = []
    with camera() as port:
        source = open_source(f"rtsp://127.0.0.1:{port}/jpeg")
        source.on_state = states.append
        frames = iter(source)
        before = next(frames).id or 0
    with camera(port), source:
        while "" not in states:
            after = next(frames).id or 0
    assert after > before
    assert states[0]


def test_a_path_that_an_rtsp_server_does_not_have_is_said() -> None:
    with (
        camera() as port,
        open_source(f"rtsp://127.0.0.1:{port}/nothing", wait=0.1) as source,
        pytest.raises(SourceLost, match="404"),
    ):
        next(iter(source))
