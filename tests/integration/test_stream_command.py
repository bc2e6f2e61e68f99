"""`edgeseg stream` and `edgeseg replay` as users run them, with a real daemon."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client
from edgeseg_client.sources.recording import read_recording
from scenes import CLASSES, draw_scene
from support.camera import Camera
from support.pictures import file_of, picture_folder
from support.running_daemon import Launch, RunningDaemon

SCENES = [file_of(Image.fromarray(draw_scene(seed).image), "JPEG") for seed in (7, 8, 9)]


class Running:
    """A command whose lines can be waited for."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeseg_client", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        self._reading = threading.Thread(target=self._read_errors)
        self._reading.start()

    def _read_errors(self) -> None:
        for line in cast(Any, self.process.stderr):
            self.errors.append(line)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The lines of JSON as they come."""
        return map(json.loads, cast(Any, self.process.stdout))

    def end(self) -> int:
        """Interrupt it; its exit status."""
        self.process.send_signal(2)
        cast(Any, self.process.stdout).read()
        status = self.process.wait(30)
        self._reading.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            cast(Any, pipe).close()
        return status


@contextmanager
def streaming(*arguments: object) -> Iterator[Running]:
    running = Running("stream", *arguments, "--json")
    try:
        yield running
    finally:
        running.process.kill()
        running.end()


def edgeseg(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=100,
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path / "scenes", SCENES)


def test_each_frame_is_a_line_with_its_classes_boxes_and_polygons(
    daemon: RunningDaemon, folder: Path
) -> None:
    server = f"--server={daemon.address}"
    *frames, summary = lines_of(edgeseg("stream", folder, server, "--json", "--polygons"))
    assert [line["frame_id"] for line in frames] == [0, 1, 2]
    assert [line["file"] for line in frames] == ["0.jpg", "1.jpg", "2.jpg"]
    assert summary["type"] == "summary"
    with Client(daemon.address) as client:
        for line, jpeg in zip(frames, SCENES, strict=True):
            wanted = client.segment(
                jpeg, size="model", outputs=("statistics", "confidence", "polygons")
            )
            assert [one["name"] for one in line["classes"]] == [
                one.class_name for one in wanted.segments
            ]
            for one, segment in zip(line["classes"], wanted.segments, strict=True):
                assert (one["area"], tuple(one["box"])) == (segment.area, segment.box)
                assert one["share"] == wanted.share(one["name"])
                assert one["mean_confidence"] == pytest.approx(segment.mean_confidence)
                outlines = [part.outline.tolist() for part in segment.parts]
                assert [part["outline"] for part in one["polygons"]] == outlines


def test_without_masks_none_are_sent(daemon: RunningDaemon, folder: Path) -> None:
    """Lines and numbers need the statistics only: a hundredth of the bytes."""
    *frames, _ = lines_of(edgeseg("stream", folder, f"--server={daemon.address}", "--json"))
    assert all(set(line["classes"][0]) >= {"name", "area", "box"} for line in frames)
    plain = edgeseg("stream", folder, f"--server={daemon.address}")
    assert b"latency p50" in plain.stdout
    assert b"in the daemon, ms" in plain.stdout


def test_a_video_of_the_overlays_is_written(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "seen.mp4"
    server = f"--server={daemon.address}"
    done = edgeseg("stream", folder, server, "--fps=20", "--policy=every", f"--video={path}")
    assert done.returncode == 0, done.stderr
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 3
    with Client(daemon.address) as client:
        wanted = client.segment(SCENES[0], size="model").overlay(SCENES[0], legend=False)
    assert np.abs(frames[0].astype(int) - np.asarray(wanted).astype(int)).mean() < 12


@pytest.mark.slow
def test_a_recording_is_shown_again_without_a_daemon(
    launch: Launch, folder: Path, tmp_path: Path
) -> None:
    running = launch()
    recording, masks = tmp_path / "walk.edgeseg", tmp_path / "masks"
    server = f"--server={running.address}"
    arguments = [f"--record={recording}", f"--out={masks}", "--size=model"]
    assert edgeseg("stream", folder, server, *arguments).returncode == 0
    again = lines_of(edgeseg("stream", recording, server, "--policy=every", "--json"))
    running.stop()

    *frames, summary = lines_of(
        edgeseg("replay", recording, "--speed=50", "--json", f"--out={tmp_path / 'again'}")
    )
    assert summary["statuses"] == {"ok": 3}
    assert [line["classes"] for line in again[:-1]] == [
        [{**found, "mean_confidence": pytest.approx(0.5, abs=0.5)} for found in line["classes"]]
        for line in frames
    ]
    written = sorted(path.name for path in masks.iterdir())
    assert written == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in written:
        assert (masks / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_recording_that_was_cut_off_is_read_up_to_its_last_whole_frame(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "walk.edgeseg"
    done = edgeseg("stream", folder, f"--server={daemon.address}", f"--record={recording}")
    assert done.returncode == 0
    content = recording.read_bytes()
    recording.write_bytes(content[:-100])
    assert len(list(read_recording(recording))) == 2
    recording.write_bytes(b"something else\n")
    refused = edgeseg("replay", recording)
    assert refused.returncode == 2
    assert b"no recording" in refused.stderr


def test_several_sources_are_segmented_at_the_same_time(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    server = f"--server={daemon.address}"
    done = edgeseg("stream", f"a={folder}", f"b={folder}", server, f"--out={tmp_path / 'masks'}")
    assert done.returncode == 0, done.stderr
    for name in ("a", "b"):
        assert len(list((tmp_path / "masks" / name).glob("*.labels.png"))) == 3
    twice = edgeseg("stream", folder, folder, server)
    assert twice.returncode == 2
    assert b"two sources are called scenes; name them: NAME=SOURCE" in twice.stderr


def test_a_source_that_fails_does_not_end_the_others(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(b"no video")
    done = edgeseg("stream", broken, folder, f"--server={daemon.address}", "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    summaries = {line["source"]: line for line in lines if line["type"] == "summary"}
    assert summaries["scenes"]["statuses"] == {"ok": 3}
    assert b"clip.mp4" in done.stderr


def test_pictures_come_from_standard_input(daemon: RunningDaemon) -> None:
    server = f"--server={daemon.address}"
    done = edgeseg("stream", "-", server, "--json", "--policy=every", stdin=b"".join(SCENES))
    *frames, _ = lines_of(done)
    assert [line["status"] for line in frames] == ["ok"] * 3
    assert {one["name"] for line in frames for one in line["classes"]} <= set(CLASSES)


@pytest.mark.slow
def test_a_camera_and_a_daemon_that_were_lost_come_back_and_it_is_said(launch: Launch) -> None:
    running = launch()
    camera = Camera(SCENES)
    address = camera.address()
    with streaming(f"door={address}", f"--server={running.address}") as stream:
        lines = stream.lines()
        with camera.running():
            assert next(line for line in lines if line["status"] == "ok")
            running.stop()
            # A daemon that is stopped answers what it has: whether a frame is lost too is luck.
            while not any("trying again" in error for error in stream.errors):
                line = next(lines)
                assert line["status"] != "unavailable" or line["message"]
            again = launch(f"--listen={running.address}")
            assert next(line for line in lines if line["status"] == "ok")
        with Camera(SCENES, camera.port).running():
            before = next(lines)["frame_id"]
            while not any("door is back" in error for error in stream.errors):
                before = next(lines)["frame_id"]
            assert next(line for line in lines if line["status"] == "ok")["frame_id"] != before
        again.stop()
    errors = "".join(stream.errors)
    assert "the daemon is back" in errors
    assert "door is lost" in errors
    assert "Traceback" not in errors
