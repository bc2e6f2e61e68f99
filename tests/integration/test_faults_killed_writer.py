"""Whatever moment the writer of a state file is killed at, the file is the old one or the new."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from edgesegd.files.replacing import replacing

KILLS = 100
MAX_SECONDS = 0.02
"""Of a writer's life after its first file; it writes some in that time."""
WRITER = """
import sys
from pathlib import Path
from edgesegd.files.replacing import replacing
path, number = Path(sys.argv[1]), int(sys.argv[2])
while True:
    number += 1
    with replacing(path) as file:
        for _ in range(64):
            file.write(f"{number}\\n".encode() * 256)
    if number == int(sys.argv[2]) + 1:
        print("wrote", flush=True)
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """And at most the last writer's partial file, which the next one deletes."""
    path, random, last, left = tmp_path / "choice.json", Random(4), 0, 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(last)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"wrote\n"
            time.sleep(random.uniform(0, MAX_SECONDS))
            writer.kill()
        lines = path.read_text().splitlines()
        assert len(lines) == 64 * 256
        assert len(set(lines)) == 1
        assert int(lines[0]) > last
        last = int(lines[0])
        left = max(left, len(list(tmp_path.glob(".*.part"))))
    sys.stdout.write(
        f"{last} files written, at most {left} partial ones at a time after {KILLS} kills\n"
    )
    assert left == 1, "some were killed while they wrote"


def test_the_partial_file_of_a_writer_that_still_writes_stays(tmp_path: Path) -> None:
    path = tmp_path / "choice.json"
    slow = WRITER.replace("file.write(", "print(flush=True), input(), file.write(")
    with subprocess.Popen(
        [sys.executable, "-c", slow, str(path), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        (partial,) = tmp_path.glob(".*.part")
        with replacing(path) as file:
            file.write(b"other")
        assert partial.exists()
        writer.kill()
    with replacing(path) as file:
        file.write(b"new")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_writers_of_the_same_file_do_not_delete_each_others_work(tmp_path: Path) -> None:
    path, count = tmp_path / "choice.json", 400
    bounded = WRITER.replace("while True:", f"while number < {count}:")
    writers = [
        subprocess.Popen([sys.executable, "-c", bounded, str(path), "0"], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert set(path.read_text().splitlines()) == {str(count)}
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
