"""The commands of docs/write-a-client.md, run as they are written there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg_client import Client
from support.other_clients import PROJECT, cpp_client, node_client, read_masks
from support.running_daemon import RunningDaemon

pytestmark = [pytest.mark.system, pytest.mark.slow]

PAGE = (PROJECT / "docs/write-a-client.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
BUF = PROJECT / ".tools/node_modules/.bin/buf"
DEFAULT_ADDRESS = "127.0.0.1:8460"


@pytest.fixture
def checkout(pictures: list[Path], tmp_path: Path) -> Path:
    """A folder that looks like a checkout, with two pictures."""
    (tmp_path / "clients").symlink_to(PROJECT / "clients")
    for name, picture in zip(("photo.jpg", "another.png"), pictures, strict=False):
        (tmp_path / name).write_bytes(picture.read_bytes())
    return tmp_path


def run_command(daemon: RunningDaemon, folder: Path, marks: str) -> str:
    """Runs the one command of the page with these words; returns what it printed."""
    (command,) = (each for each in COMMANDS if marks in each)
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command.replace(DEFAULT_ADDRESS, daemon.address)],
        cwd=folder,
        env={
            "EDGESEG_SERVER": daemon.address,
            "HOME": str(folder),  # where buf keeps its cache
            "PATH": f"{BUF.parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def read_messages(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one after another."""
    decoder, text, found = json.JSONDecoder(), path.read_text(encoding="utf-8"), []
    while text := text.lstrip():
        message, end = decoder.raw_decode(text)
        found.append(message)
        text = text[end:]
    return found


@pytest.fixture
def buf() -> None:
    if not BUF.exists():
        pytest.skip("buf is missing; on Debian: apt install npm, then make .tools/.ready")


@pytest.mark.usefixtures("buf")
def test_buf_curl_has_the_labels_and_areas_of_the_python_client(
    daemon: RunningDaemon, checkout: Path
) -> None:
    run_command(daemon, checkout, "SegmentImage")
    (answer,) = read_messages(checkout / "answer.json")
    with Client(daemon.address) as python:
        result = python.segment(
            checkout / "photo.jpg", size="model", outputs=["labels", "statistics"]
        )
    found = answer["segmentation"]
    assert (answer["frameId"], found["modelVersion"]) == ("7", result.model_version)
    labels = np.frombuffer(base64.b64decode(found["labels"]), np.uint8)
    np.testing.assert_array_equal(labels.reshape(found["height"], found["width"]), result.labels)
    # What is 0 is left out.
    areas = {each.get("classId", 0): int(each["area"]) for each in found["segments"]}
    ids, counts = np.unique(labels, return_counts=True)
    assert areas == dict(zip(ids.tolist(), counts.tolist(), strict=True))


@pytest.mark.usefixtures("buf")
def test_buf_curl_streams_frames_and_gets_their_answers_in_order(
    daemon: RunningDaemon, checkout: Path
) -> None:
    run_command(daemon, checkout, "QUEUE_POLICY_EVERY")
    answers = read_messages(checkout / "answers.json")
    assert [int(each.get("frameId", "0")) for each in answers] == [0, 1]
    assert [each["status"] for each in answers] == ["FRAME_STATUS_OK"] * 2
    assert all(each["segmentation"]["segments"] for each in answers)


@pytest.mark.usefixtures("buf")
def test_buf_curl_has_an_answer_to_a_bad_frame_in_mid_stream(
    daemon: RunningDaemon, checkout: Path
) -> None:
    (checkout / "photo.jpg").write_bytes(b"no picture")
    run_command(daemon, checkout, "QUEUE_POLICY_EVERY")
    bad, good = read_messages(checkout / "answers.json")
    assert bad["status"] == "FRAME_STATUS_INVALID"
    assert bad["message"].startswith("the frame is not a JPEG")
    assert (good["frameId"], good["status"]) == ("1", "FRAME_STATUS_OK")


@pytest.mark.usefixtures("buf")
def test_buf_curl_shows_what_the_daemon_serves_and_that_it_is_well(
    daemon: RunningDaemon, checkout: Path
) -> None:
    run_command(daemon, checkout, "GetServerInfo")
    (info,) = read_messages(checkout / "info.json")
    assert [model["name"] for model in info["models"]] == ["scenes"]
    assert read_messages(checkout / "health.json") == [{"status": "SERVING"}]


def test_the_commands_in_javascript_print_classes_and_write_masks(
    daemon: RunningDaemon, checkout: Path
) -> None:
    assert node_client().options
    lines = run_command(daemon, checkout, "clients/node/segment.js").splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [["0", "OK"], ["1", "OK"], ["0", "OK"]]
    assert_masks_are_those_of_python(daemon, checkout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_in_cpp_prints_classes_and_writes_masks(
    daemon: RunningDaemon, checkout: Path
) -> None:
    assert cpp_client().options
    lines = run_command(daemon, checkout, "edgeseg-segment").splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [["0", "OK"], ["1", "OK"]]
    assert_masks_are_those_of_python(daemon, checkout)


def assert_masks_are_those_of_python(daemon: RunningDaemon, checkout: Path) -> None:
    masks = read_masks(checkout / "masks", [0, 1])
    with Client(daemon.address) as python:
        for mask, name in zip(masks, ("photo.jpg", "another.png"), strict=True):
            result = python.segment(checkout / name, size="frame")
            np.testing.assert_array_equal(mask, result.labels)


def test_no_command_of_the_page_is_left_out() -> None:
    tried = ("SegmentImage", "QUEUE_POLICY_EVERY", "GetServerInfo", "segment.js", "edgeseg-segment")
    assert [sum(mark in command for command in COMMANDS) for mark in tried] == [1] * len(tried)
    assert len(COMMANDS) == len(tried)
