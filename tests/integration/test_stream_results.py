"""What `edgeseg stream` and `edgeseg replay` write, and what they refuse to write."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from edgeseg_client.sources.recording import read_recording
from scenes import draw_scene
from support.pictures import file_of, picture_folder
from support.running_daemon import RunningDaemon

SCENES = [file_of(Image.fromarray(draw_scene(seed).image), "JPEG") for seed in (7, 8, 9)]


def edgeseg(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path / "scenes", SCENES)


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def clip(path: Path, frames: int = 5) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for number in range(frames):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (40 * number, 90, 20)))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("option", ["--record", "--video"])
def test_no_file_is_written_over_not_even_the_source(option: str, tmp_path: Path) -> None:
    """No daemon is there: it is refused before one is asked."""
    path = clip(tmp_path / "self.mp4")
    before = path.read_bytes()
    done = edgeseg("stream", path, f"{option}={path}", "--server=127.0.0.1:9")
    assert done.returncode == 2
    assert f"{path} is there already; name another file" in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--record=nodir/x.edgeseg"],
            "nodir/x.edgeseg cannot be written: there is no folder nodir",
        ),
        (["--video=nodir/x.mp4"], "nodir/x.mp4 cannot be written: there is no folder nodir"),
        (["--video=x.gif"], "x.gif is no name for a video"),
        (["--video=new.mp4", "--record=new.mp4"], "--video and --record are both new.mp4"),
        ([f"--out={__file__}"], "is not a folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_a_daemon_is_asked(
    arguments: list[str], message: str, folder: Path
) -> None:
    done = edgeseg("stream", folder, *arguments, "--server=127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_names_the_file(daemon: RunningDaemon, folder: Path) -> None:
    done = edgeseg("stream", folder, f"--server={daemon.address}", "--record=/dev/full")
    assert done.returncode == 1
    assert "No space left on device: '/dev/full'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_picture_ends_neither_recording_nor_masks_nor_video(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    (folder / "1.jpg").write_bytes(b"")
    recording, video, masks = (tmp_path / name for name in ("a.edgeseg", "a.mp4", "masks"))
    done = edgeseg(
        "stream",
        *(folder, f"--server={daemon.address}", "--fps=20", "--policy=every"),
        *(f"--record={recording}", f"--video={video}", f"--out={masks}"),
    )
    assert done.returncode == 1
    assert "1.jpg: " in done.stderr
    assert [one.answer.status for one in read_recording(recording)] == ["ok", "invalid", "ok"]
    assert len(times(video)) == 2
    assert len(list(masks.iterdir())) == 4
    again = edgeseg("replay", recording, "--speed=50", f"--out={tmp_path / 'again'}")
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "again").iterdir())) == 4


def test_rounds_of_a_video_have_their_real_length(daemon: RunningDaemon, tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4")
    seen = tmp_path / "seen.mp4"
    done = edgeseg("stream", path, "--loop=3", f"--server={daemon.address}", f"--video={seen}")
    assert done.returncode == 0, done.stderr
    assert times(seen) == pytest.approx([number / 10 for number in range(15)], abs=0.01)


def test_a_picture_of_one_pixel_makes_a_video(daemon: RunningDaemon, tmp_path: Path) -> None:
    for size in ((1, 1), (1, 40)):
        picture = tmp_path / f"{size[1]}.png"
        Image.new("RGB", size, "red").save(picture)
        seen = tmp_path / f"{size[1]}.mp4"
        done = edgeseg("stream", picture, f"--server={daemon.address}", f"--video={seen}")
        assert done.returncode == 0, done.stderr
        assert len(times(seen)) == 1


def test_sigterm_finishes_the_files_and_prints_the_summary(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    video = tmp_path / "seen.mp4"
    arguments = [
        *("stream", folder, "--fps=20", "--loop=0", f"--server={daemon.address}", "--json"),
        *(f"--video={video}", f"--record={tmp_path / 'a.edgeseg'}"),
    ]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "edgeseg_client", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        results = 0
        while results < 3:  # a busy machine answers some frames with SUPERSEDED
            line = json.loads(process.stdout.readline())
            assert line["type"] == "frame"
            results += "classes" in line
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert '"type": "summary"' in rest.splitlines()[-1]
    assert "Traceback" not in errors
    assert len(times(video)) >= 3


@pytest.mark.slow
def test_a_recording_of_several_sources_is_replayed_with_a_folder_for_each(
    daemon: RunningDaemon, folder: Path, tmp_path: Path
) -> None:
    recording, masks = tmp_path / "two.edgeseg", tmp_path / "masks"
    server = f"--server={daemon.address}"
    done = edgeseg("stream", f"a={folder}", f"b={folder}", server, f"--record={recording}")
    assert done.returncode == 0, done.stderr
    done = edgeseg("replay", recording, "--speed=50", f"--out={masks}")
    assert done.returncode == 0, done.stderr
    for name in ("a", "b"):
        assert len(list((masks / name).glob("*.labels.png"))) == 3
    done = edgeseg("replay", recording, f"--video={tmp_path / 'seen.mp4'}")
    assert (done.returncode, done.stderr) == (2, "edgeseg: --video is for one source\n")
    done = edgeseg("stream", recording, server, "--policy=every", f"--out={tmp_path / 'again'}")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "again").glob("?-?.jpg.labels.png"))) == 6


def test_the_outlines_of_a_recording_are_refused(tmp_path: Path) -> None:
    done = edgeseg("replay", tmp_path / "a.edgeseg", "--json", "--polygons")
    assert done.returncode == 2
    assert "recordings have no outlines; segment the frames again: edgeseg stream" in done.stderr


def test_a_damaged_recording_is_one_line_of_error(tmp_path: Path) -> None:
    path = tmp_path / "a.edgeseg"
    path.write_bytes(b'{"format": "edgeseg recording 1"}\n{"bytes": [0, 0]}\n')
    done = edgeseg("replay", path)
    assert done.returncode == 2
    assert done.stderr == f"edgeseg: {path} is damaged: entry 1: source is null\n"
