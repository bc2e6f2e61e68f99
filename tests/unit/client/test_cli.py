"""The command: files, lines and exit statuses."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.cli import main

from .scripted_daemon import LABELS, Script, ScriptedDaemon, fault


@pytest.fixture(autouse=True)
def _server(daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_SERVER", daemon.address)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.png", "a.jpg", "C.JPG"):
        Image.new("RGB", (30, 20), "white").save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_segment_command_writes_labels_and_overlays(
    folder: Path, tmp_path: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(folder), "--out", str(tmp_path / "out")]) == 0

    assert names(tmp_path / "out") == [
        f"{name}.{kind}.png" for name in "Cab" for kind in ("labels", "overlay")
    ]
    with Image.open(tmp_path / "out" / "a.labels.png") as labels:
        assert np.asarray(labels).tobytes() == LABELS
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "background 33.3%, road 33.3%, car 16.7%" in out
    assert err == ""
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.segmentation.size.mode == pb.OUTPUT_SIZE_MODE_FRAME


def test_the_segment_command_goes_on_past_a_bad_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = folder / "bad.jpg"
    bad.write_bytes(fault(pb.FRAME_STATUS_INVALID))
    pictures = [str(folder / "missing.png"), str(bad), str(folder / "a.jpg")]

    assert main(["segment", *pictures, "--out", str(tmp_path / "out")]) == 1
    assert names(tmp_path / "out") == ["a.labels.png", "a.overlay.png"]
    missing, refused = sorted(capsys.readouterr().err.splitlines(), key=lambda line: "bad" in line)
    assert "missing.png: cannot read" in missing
    assert "bad.jpg: as the test wants it" in refused


def test_the_segment_command_gives_each_result_a_name_of_its_own(
    folder: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    Image.new("RGB", (30, 20)).save(folder / "c.png")

    assert main(["segment", f"{folder}/*.*g", f"{folder}/*.JPG", "--out", str(tmp_path)]) == 0
    written = {name for name in names(tmp_path) if name.endswith("labels.png")}
    assert written == {f"{name}.labels.png" for name in ("a", "a-2", "b", "c", "C-2")}


@pytest.mark.parametrize("argument", ["nothing-*.jpg", "."])
def test_the_segment_command_without_pictures_exits_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["segment", argument, "--out", "out"]) == 2
    assert capsys.readouterr().err.startswith("edgeseg: ")


def test_the_stream_command_sums_up_as_json(
    folder: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "d.bmp").write_bytes(fault(pb.FRAME_STATUS_OVERLOADED))

    assert main(["stream", str(folder), "--loop", "5", "--json"]) == 1
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert summary["statuses"] == {"ok": 15, "overloaded": 5}
    assert summary["delegate"] == "cpu"
    assert 0 < summary["latency_p50"] <= summary["latency_p99"]
    assert err.count("d.bmp") == 5
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.policy == pb.QUEUE_POLICY_EVERY


def test_the_stream_command_with_a_frame_rate_is_like_a_camera(
    folder: Path, tmp_path: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert main(["stream", str(folder), "--fps", "500", "--loop", "3", "--out", str(out)]) == 0
    assert re.search(r"frames\W+9\b", capsys.readouterr().out)
    assert len(names(out)) in {2, 4, 6}
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.policy == pb.QUEUE_POLICY_LATEST


@pytest.mark.parametrize("source", ["0", "/dev/video0", "rtsp://camera/1", "film.mp4"])
def test_the_stream_command_of_a_camera_says_what_to_do(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", source]) == 2
    assert "give a folder of pictures" in capsys.readouterr().err


def test_the_info_command_prints_the_models_as_text_and_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["info"]) == 0
    assert "toy 0123456789ab (cpu, toy 1.0)" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["classes"][1]["name"] == "road"


def test_a_line_break_after_the_token_is_ignored(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_TOKEN", "secret\n")
    assert main(["info"]) == 0
    assert main(["info", "--token", " other\r\n"]) == 0
    assert [one["authorization"] for one in script.metadata] == ["Bearer secret", "Bearer other"]


@pytest.mark.parametrize(
    "options", [["--token", "sec\nret"], ["--server", "http://board:80"], ["--model", "\udcff"]]
)
def test_a_token_address_or_model_that_cannot_be_sent_is_reported_in_one_line(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(folder), "--out", str(tmp_path / "out"), *options]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_info_command_without_a_daemon_prints_one_line(
    daemon: ScriptedDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.kill()

    assert main(["info", "--wait", "0.1"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no daemon answers at {daemon.address}" in line
    assert "--server" in line


@pytest.mark.parametrize(
    "options",
    [["--server", "board"], ["--model", "other"], ["--classes", "cat"], ["--ca", "missing.pem"]],
)
def test_wrong_values_of_options_are_reported_in_one_line(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(folder), "--out", str(tmp_path / "out"), *options]) in {1, 2}
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["segment", "a.jpg", "--out", "out", "--size", "big"],
        ["segment", "a.jpg", "--out", "out", "--size", "3x"],
        ["stream", "photos", "--fps", "0"],
        ["stream", "photos", "--fps", "fast"],
        ["stream", "photos", "--loop", "-1"],
        ["info", "--wait", "nan"],
    ],
)
def test_wrong_usage_of_the_command_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: edgeseg" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["--version"]])
def test_help_and_version_of_the_command_exit_with_0(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "edgeseg" in capsys.readouterr().out


def test_ctrl_c_ends_the_stream_command_with_its_summary(folder: Path, script: Script) -> None:
    # If the tests are a shell's background job, SIGINT is ignored, and Python keeps that.
    program = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgeseg_client.cli import main
sys.exit(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, "stream", str(folder), "--loop", "0", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for _ in range(50):
                assert script.arrived.acquire(timeout=60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 130
    assert err == ""
    assert json.loads(out)["statuses"]["ok"] > 0
    assert script.stream_ended.wait(60)
