"""What is there for all tests: the real models and photographs, and the test delegate."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import edgeseg_client  # noqa: F401 # before gRPC, whose handlers of forks crash forked tests
from scenes import draw_scene

pytest_plugins = ["support.fake_delegate", "support.leftovers", "support.manual_clock"]


@pytest.fixture(scope="session", autouse=True)
def own_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Daemons of the tests remember nothing of the user's, and leave nothing with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESEG_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session", autouse=True)
def usual_signals() -> Iterator[None]:
    """What is tested can be ended, though a shell's background job or nohup ignores these."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    if before[signal.SIGINT] is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if before[signal.SIGHUP] is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with `models` and `images`; skips if it is not there."""
    beside_project = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("EDGESEG_SHARED", beside_project))
    if not (folder / "models").is_dir():
        pytest.skip(
            f"no real models in {folder}: put them there as its models/README.md lists them, or "
            "set EDGESEG_SHARED to the folder that has them"
        )
    return folder


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A scene that the built-in model knows, 640x480."""
    file = io.BytesIO()
    Image.fromarray(draw_scene(7).image).save(file, "JPEG", quality=92)
    return file.getvalue()
