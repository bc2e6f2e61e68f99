"""Streams of the clients in JavaScript and C++, compared with the client in Python."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client, RawImage
from edgeseg_client.frame import RawFormat
from support.model_folder import add_version
from support.other_clients import LARGEST_ID, OtherClient, assert_same, finish, read_masks
from support.pictures import file_of, gradient, noise
from support.running_daemon import Launch, RunningDaemon
from support.running_nginx import RunningNginx, make_certificate

pytestmark = [pytest.mark.system, pytest.mark.slow]

TOKEN = "not a guess"  # noqa: S105 # of a test


def test_every_is_answered_in_order_with_the_ids_and_the_labels_of_the_python_client(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], tmp_path: Path
) -> None:
    """The ids do not fit into a double, which JavaScript has for numbers."""
    first = LARGEST_ID - 2 * len(pictures) + 1
    run = client.run(
        *(daemon.address, "--policy", "every", "--size", "frame", "--first-id", str(first)),
        *("--loop", "2", "--out", tmp_path / "masks", *pictures),
    )
    assert [answer.frame_id for answer in run.answers] == list(range(first, LARGEST_ID + 1))
    assert_same(daemon, run, tmp_path / "masks", [*pictures, *pictures], "frame")


def test_a_bad_frame_in_mid_stream_is_invalid_and_the_next_frames_are_segmented(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], broken: Path, tmp_path: Path
) -> None:
    run = client.run(
        daemon.address, "--out", tmp_path / "masks", pictures[0], broken, pictures[1], broken
    )
    assert [answer.frame_id for answer in run.answers] == [0, 1, 2, 3]
    assert run.statuses == ["OK", "INVALID", "OK", "INVALID"]
    assert run.answers[1].text.startswith("the frame is not a JPEG")
    assert run.returncode == 1
    masks = read_masks(tmp_path / "masks", [0, 2])
    with Client(daemon.address) as python:
        for mask, picture in zip(masks, pictures, strict=False):
            np.testing.assert_array_equal(mask, python.segment(picture, size="model").labels)


def test_a_flood_with_latest_has_each_frame_answered_once_and_the_newest_segmented(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path]
) -> None:
    run = client.run(daemon.address, "--policy", "latest", "--loop", "300", pictures[0])
    assert run.returncode == 0
    assert sorted(answer.frame_id for answer in run.answers) == list(range(300))
    assert set(run.statuses) == {"OK", "SUPERSEDED"}
    assert {answer.frame_id: answer.status for answer in run.answers}[299] == "OK"


@pytest.mark.parametrize("pixel_format", ["rgb", "bgra", "nv12"])
def test_raw_frames_have_the_labels_of_the_python_client(
    daemon: RunningDaemon, client: OtherClient, pixel_format: RawFormat, tmp_path: Path
) -> None:
    pixels = np.asarray(gradient(322, 240))
    content = {
        "rgb": pixels.tobytes(),
        "bgra": np.dstack([pixels[..., ::-1], pixels[..., :1]]).tobytes(),
        "nv12": noise(322, 360, channels=1).tobytes(),
    }[pixel_format]
    file = tmp_path / "frame"
    file.write_bytes(content)
    run = client.run(
        daemon.address, "--raw", f"322x240:{pixel_format}", "--out", tmp_path / "masks", file, file
    )
    raw = RawImage(content, pixel_format, 322, 240)
    assert_same(daemon, run, tmp_path / "masks", [raw, raw], "model")


def test_a_result_may_have_more_bytes_than_grpc_takes_by_default(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], tmp_path: Path
) -> None:
    run = client.run(
        daemon.address, "--size", "2503x2001", "--out", tmp_path / "masks", pictures[0]
    )
    (mask,) = read_masks(tmp_path / "masks", [0])
    with Client(daemon.address) as python:
        expected = python.segment(pictures[0], size=(2503, 2001)).labels
    np.testing.assert_array_equal(mask, expected)
    assert mask.nbytes > 4 << 20
    assert run.returncode == 0


def test_pixels_of_classes_that_are_not_wanted_are_255_and_have_no_share(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], tmp_path: Path
) -> None:
    """The names come with the first result, though it has none of the classes."""
    empty = tmp_path / "empty.png"
    empty.write_bytes(file_of(Image.new("RGB", (64, 64), "grey"), "PNG"))
    files = [empty, pictures[0]]
    run = client.run(daemon.address, "--classes", "ball,robot", "--out", tmp_path / "masks", *files)
    masks = read_masks(tmp_path / "masks", [0, 1])
    with Client(daemon.address) as python:
        names = [each.name for each in python.info().models[0].classes]
        ids = [names.index("ball"), names.index("robot")]
        labels = [python.segment(file, size="model").labels for file in files]
    for mask, expected in zip(masks, labels, strict=True):
        np.testing.assert_array_equal(mask, np.where(np.isin(expected, ids), expected, 255))
    assert [set(answer.shares) for answer in run.answers] == [set(), {"ball", "robot"}]


def test_all_classes_of_a_name_are_asked_for(
    launch: Launch, client: OtherClient, tmp_path: Path
) -> None:
    """The model's classes are red, green and blue; the first two have one name."""
    sidecar = add_version(tmp_path / "models", "sums", 1).with_suffix(".toml")
    sidecar.write_text(sidecar.read_text().replace("sums 1 b", "sums 1 a"))
    pixels = np.repeat(np.eye(3, dtype=np.uint8) * 255, 8, axis=0)[None].repeat(8, axis=0)
    file = tmp_path / "stripes.png"
    file.write_bytes(file_of(Image.fromarray(pixels), "PNG"))
    daemon = launch(f"--models={tmp_path / 'models'}")
    run = client.run(daemon.address, "--classes", "sums 1 a", "--out", tmp_path / "masks", file)
    (mask,) = read_masks(tmp_path / "masks", [0])
    assert run.returncode == 0
    assert set(np.unique(mask)) == {0, 1, 255}


def test_a_frame_that_was_captured_too_long_ago_expires_though_the_daemon_just_got_it(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], tmp_path: Path
) -> None:
    """The client begins with a frame, and gets its bytes only later."""
    camera = tmp_path / "camera"
    os.mkfifo(camera)
    running = client.start(daemon.address, "--max-age", "200", camera, pictures[0])
    with camera.open("wb") as pipe:  # waits until the client reads
        time.sleep(0.3)  # what is tested is time
        pipe.write(pictures[0].read_bytes())
    run = finish(running)
    assert run.answers[0].status == "EXPIRED"
    assert (len(run.answers), run.returncode) == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "returncode", "error"),
    [
        (["--size", "70000x2"], 2, "INVALID_ARGUMENT: the size asked for: the picture has 70000x2"),
        (["--size", "large"], 2, "--size is model, frame"),
        (["--model", "nobody"], 2, "NOT_FOUND: no model 'nobody' is served"),
        (["--classes", "unicorn"], 2, "there is no class unicorn"),
        (["--policy", "sometimes"], 2, "--policy is every"),
        (["--nonsense", "1"], 2, "--nonsense"),
        (["--first-id", str(LARGEST_ID + 1)], 2, "--first-id is a whole number"),
        (["--timeout", "0.0001"], 3, "DEADLINE_EXCEEDED: "),
        (["no such file"], 2, "cannot read no such file"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_status(  # noqa: PLR0917 # parameters
    daemon: RunningDaemon,
    client: OtherClient,
    pictures: list[Path],
    arguments: list[str],
    returncode: int,
    error: str,
) -> None:
    run = client.run(daemon.address, *arguments, pictures[0])
    assert (run.returncode, run.answers) == (returncode, [])
    assert error in run.errors
    assert run.errors.count("\n") == 1, "a line, and no traceback"


def test_the_status_of_options_that_are_refused_is_not_lost_while_large_frames_are_sent(
    daemon: RunningDaemon, client: OtherClient, tmp_path: Path
) -> None:
    file = tmp_path / "frame"
    file.write_bytes(bytes(1920 * 1080 * 3))
    run = client.run(
        daemon.address, "--size", "70000x2", "--raw", "1920x1080:rgb", "--loop", "20", file
    )
    assert (run.returncode, run.answers) == (2, [])
    assert "INVALID_ARGUMENT: the size asked for" in run.errors


def test_frames_before_one_that_cannot_be_read_are_answered(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path]
) -> None:
    run = client.run(daemon.address, *pictures[:2], "no such file")
    assert run.statuses == ["OK", "OK"]
    assert (run.returncode, "cannot read no such file" in run.errors) == (2, True)


def test_no_daemon_is_unavailable(client: OtherClient, pictures: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    run = client.run(address, pictures[0])
    assert (run.returncode, run.answers) == (3, [])
    assert "UNAVAILABLE: " in run.errors


def test_a_daemon_that_stops_in_mid_stream_answers_what_it_read_and_ends_it_with_unavailable(
    launch: Launch, client: OtherClient, pictures: list[Path]
) -> None:
    stopping = launch()
    running = client.start(stopping.address, "--fps", "50", "--loop", "100000", pictures[0])
    assert running.stdout is not None
    assert running.stdout.readline().startswith("0 OK ")
    assert stopping.stop() == 0
    run = finish(running)
    assert set(run.statuses) <= {"OK", "UNAVAILABLE"}
    assert [each.frame_id for each in run.answers] == list(range(1, len(run.answers) + 1))
    assert "UNAVAILABLE: " in run.errors
    assert run.returncode == 3


def test_the_help_names_every_option(client: OtherClient) -> None:
    run = subprocess.run(
        [*client.command, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    shown = set(re.findall(r"^  (--[a-z-]+)", run.stdout, re.MULTILINE))
    assert len(client.options) > 10
    assert shown == client.options - {"--help"}


def test_tls_and_a_token_are_those_of_a_proxy_before_the_daemon(
    daemon: RunningDaemon, client: OtherClient, pictures: list[Path], tmp_path: Path
) -> None:
    files = make_certificate(tmp_path)
    with RunningNginx(tmp_path, daemon.address, limit="0", certificate=files, token=TOKEN) as nginx:
        address = nginx.address.replace("127.0.0.1", "localhost")
        trusted = grpc.ssl_channel_credentials(files.certificate.read_bytes())
        with Client(address, retry_for=60, token=TOKEN, credentials=trusted) as python:
            assert python.segment(pictures[0]).delegate == "cpu"  # nginx is ready
        trusting = ("--ca", files.certificate)
        run = client.run(
            address, *(*trusting, "--token", TOKEN, "--out", tmp_path / "masks", *pictures)
        )
        assert_same(daemon, run, tmp_path / "masks", [*pictures], "model")
        refused = client.run(address, *trusting, "--token", "a guess", pictures[0])
        assert (refused.returncode, refused.answers) == (2, [])
        assert "UNAUTHENTICATED: " in refused.errors
        for trust in ((), ("--ca", another_certificate(tmp_path))):
            distrusting = client.run(address, *trust, "--token", TOKEN, pictures[0])
            assert (distrusting.returncode, distrusting.answers) == (3, [])


def another_certificate(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    return make_certificate(other).certificate
