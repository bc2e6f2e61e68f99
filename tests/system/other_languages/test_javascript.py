"""What only the client in JavaScript does: other outputs, single images, reuse."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from edgeseg_client import Client
from edgesegd.imaging.rle import compress_rle
from support.other_clients import (
    LARGEST_ID,
    NODE,
    assert_same,
    finish,
    node_client,
    read_masks,
    wait_until,
)
from support.running_daemon import Launch, RunningDaemon

pytestmark = [pytest.mark.system, pytest.mark.slow]

DECOMPRESS = """
import { readFileSync } from "node:fs";
const { decompressRuns } = await import(process.argv[1]);
const texts = JSON.parse(readFileSync(0));
console.log(JSON.stringify(texts.map(decompressRuns)));
"""


@pytest.mark.parametrize("output", ["rle", "rle_compressed", "polygons"])
def test_runs_and_polygons_give_the_mask_of_the_labels(
    daemon: RunningDaemon, pictures: list[Path], output: str, tmp_path: Path
) -> None:
    arguments = ("--as", output, "--size", "frame", "--out", tmp_path / "masks", *pictures)
    run = node_client("stream").run(daemon.address, *arguments)
    assert_same(daemon, run, tmp_path / "masks", [*pictures], "frame")


def test_single_images_have_ids_labels_and_statuses_of_their_own(
    daemon: RunningDaemon,
    socket_path: Path,
    pictures: list[Path],
    broken: Path,
    tmp_path: Path,
) -> None:
    run = node_client("image").run(
        f"unix://{socket_path}",
        *("--first-id", str(LARGEST_ID - 2), "--size", "frame", "--out", tmp_path / "masks"),
        *(pictures[0], broken, pictures[1]),
    )
    ids = [LARGEST_ID - 2, LARGEST_ID - 1, LARGEST_ID]
    assert [answer.frame_id for answer in run.answers] == ids
    assert run.statuses == ["OK", "INVALID", "OK"]
    assert (run.returncode, run.errors) == (1, "")
    masks = read_masks(tmp_path / "masks", [ids[0], ids[2]])
    with Client(daemon.address) as python:
        for mask, picture in zip(masks, pictures, strict=False):
            np.testing.assert_array_equal(mask, python.segment(picture, size="frame").labels)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--fps", "1"),
        ("--loop", "2"),
        ("--max-age", "100"),
        ("--policy", "latest"),
        ("--priority", "high"),
        ("--reuse", "identical"),
    ],
)
def test_options_for_streams_are_refused_for_single_images(
    daemon: RunningDaemon, pictures: list[Path], option: str, value: str
) -> None:
    run = node_client("image").run(daemon.address, option, value, *pictures)
    assert (run.returncode, run.answers) == (2, [])
    assert run.errors == (
        f"segment.js: {option} is only for streams: node segment.js stream; see --help\n"
    )


def test_a_reused_result_names_its_frame(daemon: RunningDaemon, pictures: list[Path]) -> None:
    arguments = ("--reuse", "identical", "--first-id", "0", "--loop", "3", pictures[0])
    run = node_client("stream").run(daemon.address, *arguments)
    ends = [re.findall(r" \(result of (\d+)\)$", answer.text) for answer in run.answers]
    assert ends == [[], ["0"], ["0"]]


def test_an_image_that_finds_the_queue_full_is_sent_again(
    launch: Launch, pictures: list[Path]
) -> None:
    """The engine is held up until the daemon has refused it."""
    busy = launch("--unary-queue=1")
    engine = busy.engine_pid
    assert engine is not None

    def overloaded() -> float:
        return busy.metric("edgeseg_frames_total", outcome="overloaded")

    os.kill(engine, signal.SIGSTOP)
    try:
        with Client(busy.address, retry_for=60) as python:
            others = [
                threading.Thread(target=python.segment, args=(pictures[0],)) for _ in range(4)
            ]
            for thread in others:
                thread.start()
            wait_until(lambda: overloaded() > 0)  # the queue is full
            refused = overloaded()
            running = node_client("image").start(busy.address, pictures[1])
            wait_until(lambda: overloaded() > refused)
            os.kill(engine, signal.SIGCONT)
            run = finish(running)
            for thread in others:
                thread.join(60)
    finally:
        os.kill(engine, signal.SIGCONT)
    assert (run.statuses, run.returncode) == (["OK"], 0)


def test_compressed_run_lengths_are_those_that_were_compressed() -> None:
    """Of masks from fine to coarse, and of runs longer than 31 bits."""
    random = np.random.default_rng(0)
    scales = [1, 2, 20, 1000, 100_000, (1 << 32) - 1]
    runs = [random.integers(0, scale + 1, 50, np.uint32) for scale in scales for _ in range(20)]
    node = node_client()
    done = subprocess.run(
        [node.command[0], "--input-type=module", "--eval", DECOMPRESS, NODE / "masks.js"],
        input=json.dumps([compress_rle(each).decode() for each in runs]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == [each.tolist() for each in runs]
