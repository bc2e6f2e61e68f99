"""The programs in docs/client.md run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.camera import Camera
from support.running_daemon import RunningDaemon

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def daemon_on_this_board(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningDaemon, str]]:
    """A daemon, and its address for clients that share memory with it."""
    socket = tmp_path_factory.mktemp("sockets") / "grpc.sock"
    with RunningDaemon(f"--listen=unix://{socket}") as daemon:
        yield daemon, f"unix://{socket}"


@pytest.fixture
def folder(tmp_path: Path, jpeg: bytes) -> Path:
    """A folder with the pictures that the page names."""
    (tmp_path / "street.jpg").write_bytes(jpeg)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(jpeg)
    return tmp_path


def printed_by(number: int, daemon: tuple[RunningDaemon, str], folder: Path, camera: str) -> str:
    """What a program of the page prints; it is changed only to have what is there in this test.

    That is the daemon's addresses, a camera, and a class that the built-in model has.
    """
    program = PROGRAMS[number]
    for ours, there in (
        ("127.0.0.1:8460", daemon[0].address),
        ("unix:///run/edgesegd/grpc.sock", daemon[1]),
        ("/dev/video0", camera),
        ('"person"', '"robot"'),
    ):
        program = program.replace(ours, there)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, r"a person in \d+ pixels, at Box\(x=\d+, .*\)\n"),
        (1, r"a person, \d+ ms ago\n"),
        (
            2,
            r"background: \d\d\.\d%, Box\(.*\), [01]\.\d\d\n(.*\n)+"
            r"the result has no polygons; ask for it with outputs=\('polygons', …\)\n",
        ),
        (3, r"(\d \{'background': .*\n){3}(\d (ok|expired) .*\n){3}"),
        (4, r"\{'background': .*\n(\d \{'background': .*\n){3}"),
        (5, r"(\d shows the same as \d\n)+"),
        (6, r"(\w+ \d.*\n)+\{.*\}\n\[.*\]\n\[.*\]\n"),
        (7, r"True\n"),
        (8, r"(\d+ (ok|superseded)\n){100}"),
    ],
)
def test_a_program_of_the_page_prints_what_it_says(
    daemon_on_this_board: tuple[RunningDaemon, str],
    folder: Path,
    jpeg: bytes,
    number: int,
    expected: str,
) -> None:
    with Camera([jpeg], pause=0.05).running() as camera:
        printed = printed_by(number, daemon_on_this_board, folder, camera.address())
    assert re.fullmatch(expected, printed) is not None, printed
    if number == 0:
        assert (folder / "overlay.png").is_file()


def test_each_program_of_the_page_is_run() -> None:
    assert len(PROGRAMS) == 9


def test_acting_on_a_class_takes_ten_lines() -> None:
    assert max(program.count("\n") for program in PROGRAMS[:2]) <= 10
