from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from edgesegd.core.scenes import draw_scene
from support.running_daemon import RunningDaemon


@pytest.fixture(scope="session")
def daemon() -> Iterator[RunningDaemon]:
    """One daemon with the built-in model for all tests that leave it as it was."""
    running = RunningDaemon("--max-frame-bytes=4000000", "--max-frame-pixels=4000000")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A scene that the built-in model knows, 640x480."""
    file = io.BytesIO()
    Image.fromarray(draw_scene(7).image).save(file, "JPEG", quality=92)
    return file.getvalue()
