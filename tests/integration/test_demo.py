"""What the demo shows; it ends in order, and takes all that it started with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from support.chatter import CHATTER

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"
WITH_A_DAEMON, WITH_A_CLIENT = "edgesegd", "edgeseg_client"


def runs(process: psutil.Process, module: str) -> bool:
    """Whether it has a child that runs this module."""
    for child in process.children(recursive=True):
        try:
            if module in child.cmdline():
                return True
        except psutil.Error:  # it is gone already
            continue
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGINT, WITH_A_DAEMON),
        (signal.SIGTERM, WITH_A_DAEMON),
        (signal.SIGHUP, WITH_A_DAEMON),
        (signal.SIGINT, WITH_A_CLIENT),
    ],
)
def test_a_demo_that_is_ended_ends_its_daemon(tmp_path: Path, number: int, module: str) -> None:
    with subprocess.Popen(
        [sys.executable, DEMO, f"--out={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as demo:
        process = psutil.Process(demo.pid)
        wait_until(lambda: runs(process, module))
        started = process.children(recursive=True)
        os.killpg(demo.pid, number)  # as a terminal sends it
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 128 + number
    assert b"Traceback" not in output
    _, left = psutil.wait_procs(started, timeout=30)
    assert not left


def test_ctrl_c_while_the_demo_is_being_loaded(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, DEMO, f"--out={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as demo:
        maps = Path(f"/proc/{demo.pid}/maps")
        wait_until(lambda: "_imaging" in maps.read_text(encoding="utf-8"))
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
    assert (demo.returncode, b"Traceback" in output) == (130, False)


def demo(folder: Path, *pictures: Path, shared: Path) -> subprocess.CompletedProcess[str]:
    """Run it with `folder` for its output and as the data folder."""
    return subprocess.run(
        [sys.executable, DEMO, f"--out={folder / 'out'}", *pictures],
        env=os.environ | {"EDGESEG_DATA_DIR": str(folder / "data"), "EDGESEG_SHARED": str(shared)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.mark.slow
def test_without_deeplab_the_demo_says_what_the_builtin_model_knows_and_how_to_get_it(
    tmp_path: Path,
) -> None:
    """A file that only has the name of the published one is not it."""
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    (models / "deeplabv3.tflite").write_bytes(b"not the published one")
    done = demo(tmp_path, shared=tmp_path)
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("the built-in model knows drawn things only: ball, box, ")
    assert last.endswith("edgesegd models pull deeplabv3")
    assert not CHATTER.search(done.stdout + done.stderr)
    with Image.open(tmp_path / "out" / "demo.png") as sheet:
        assert sheet.size == (1280, 960)


def test_photographs_are_refused_at_once_without_deeplab(tmp_path: Path) -> None:
    done = demo(tmp_path, tmp_path / "mine.jpg", shared=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("photographs need DeepLab; get it: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.realmodel
@pytest.mark.parametrize("pulled", [True, False])
def test_where_deeplab_is_the_demo_shows_it_and_copies_no_model(
    tmp_path: Path, shared_dir: Path, pulled: bool
) -> None:
    """Pulled, with a photograph of the user's, or in the shared folder with its photographs."""
    photographs = []
    if pulled:
        models = tmp_path / "data" / "models"
        models.mkdir(parents=True)
        published = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
        (models / "deeplabv3.tflite").symlink_to(published)
        photographs.append(shared_dir / "images" / "pets.jpg")
    done = demo(tmp_path, *photographs, shared=tmp_path if pulled else shared_dir)
    assert done.returncode == 0, done.stderr
    of_deeplab = done.stdout.partition("DeepLab v3 (")[2]
    assert "dog " in of_deeplab
    assert ("cat " in of_deeplab) is not pulled
    assert not CHATTER.search(done.stdout + done.stderr)
    with Image.open(tmp_path / "out" / "photographs.png") as sheet:
        assert sheet.size == ((640, 480) if pulled else (1280, 960))
    assert [path for path in tmp_path.rglob("*.tflite") if not path.is_symlink()] == []
