"""What runtimes and other libraries write does not reach the terminal: each line is our own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from scenes import draw_scene
from support.calls import every, frames, segment
from support.chatter import CHATTER
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime

OWN_ERROR = re.compile(r"edgesegd: ")
OWN_LINE = re.compile(
    r"listening on |metrics on |edgesegd \S+ ready: "
    r"|\d{4}-\d\d-\d\d [\d:,]+ (INFO|WARNING) edgesegd\.(?!.*engine \d+: )"
)


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=110, check=True
    )


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("probe",), marks=pytest.mark.slow),
        ("models", "check", "builtin"),
        ("models", "info"),
        pytest.param(("bench", "--rounds=1"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_a_command_writes_only_its_own_lines_to_stderr(tmp_path: Path, words: list[str]) -> None:
    done = run("-m", "edgesegd", *words, f"--data-dir={tmp_path}")
    assert [line for line in done.stderr.splitlines() if not OWN_ERROR.match(line)] == []
    assert not CHATTER.search(done.stdout)


def test_a_model_that_is_tried_gives_no_lines_of_libraries(tmp_path: Path) -> None:
    scene, out = tmp_path / "scene.png", tmp_path / "out"
    Image.fromarray(draw_scene(1).image).save(scene)
    done = run("-m", "edgesegd", "models", "try", "builtin", scene, f"--out={out}")
    assert not CHATTER.search(done.stdout + done.stderr)


async def test_a_daemon_writes_only_its_own_lines(fake_delegate: Path, jpeg: bytes) -> None:
    """Also when the drift check loads a second interpreter, after the engine is ready."""
    with RunningDaemon(f"--delegate={fake_delegate}:claim=add", "--check-every=1") as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 3)])
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert [line for line in running.output if not OWN_LINE.match(line)] == []
