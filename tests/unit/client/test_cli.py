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
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_segment_command_writes_labels_and_overlays(
    folder: Path, tmp_path: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("no picture")
    assert main(["segment", str(folder), "--out", str(tmp_path / "out")]) == 0

    assert names(tmp_path / "out") == [
        f"{name}.{kind}.png"
        for name in ("C.JPG", "a.jpg", "b.png")
        for kind in ("labels", "overlay")
    ]
    with Image.open(tmp_path / "out" / "a.jpg.labels.png") as labels:
        assert np.asarray(labels).tobytes() == LABELS
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "background 33.3%, road 33.3%, car 16.7%" in out
    assert err == f"edgeseg: {folder}: left out, for they are not pictures: 1 file (.txt)\n"
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
    assert names(tmp_path / "out") == ["a.jpg.labels.png", "a.jpg.overlay.png"]
    missing, refused = sorted(capsys.readouterr().err.splitlines(), key=lambda line: "bad" in line)
    assert "missing.png: cannot read" in missing
    assert "bad.jpg: as the test wants it" in refused


def test_results_are_called_after_their_pictures_in_every_call(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    out, other = tmp_path / "out", tmp_path / "other"
    assert main(["segment", str(folder), "--out", str(out)]) == 0
    assert main(["segment", str(folder / "a.png"), "--out", str(other)]) == 0
    assert names(other) == ["a.png.labels.png", "a.png.overlay.png"]
    assert set(names(other)) < set(names(out))
    assert {"a.jpg.labels.png", "C.JPG.labels.png"} < set(names(out))

    (tmp_path / "more").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "more" / "A.JPG")
    both = [str(folder), str(tmp_path / "more")]
    capsys.readouterr()
    assert main(["segment", *both, "--out", str(tmp_path / "third")]) == 2
    assert "would have the same names" in capsys.readouterr().err
    assert main(["segment", *both]) == 0, "nothing is written"


def test_results_in_the_folder_of_the_pictures_are_not_segmented_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(folder), "--out", str(folder)]) == 0
    written = names(folder)
    capsys.readouterr()
    assert main(["segment", str(folder), "--out", str(folder)]) == 0
    assert names(folder) == written
    assert "left out, for they are results of edgeseg: 6 files (.png)" in capsys.readouterr().err


def test_the_segment_command_without_a_folder_says_what_it_found(
    folder: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{folder / 'a.jpg'}: background 33.3%, road 33.3%, car 16.7%"
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.segmentation.outputs == [pb.OUTPUT_STATISTICS]


def test_the_segment_command_prints_a_line_of_json_for_each_picture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.png").write_bytes(fault(pb.FRAME_STATUS_INVALID))
    assert main(["segment", str(folder), "--json"]) == 1
    out, err = capsys.readouterr()
    lines = {line["file"]: line for line in map(json.loads, out.splitlines())}
    pictures = ("C.JPG", "a.jpg", "b.png", "bad.png")
    assert set(lines) == {str(folder / name) for name in pictures}
    assert lines[str(folder / "a.jpg")]["classes"][0] == {
        "id": 1,
        "name": "road",
        "area": 2,
        "share": 2 / 6,
        "box": [1, 0, 2, 1],
    }
    assert lines[str(folder / "bad.png")]["status"] == "invalid"
    assert "bad.png" in err


def test_the_segment_command_writes_geojson_of_each_picture(
    folder: Path, tmp_path: Path, script: Script
) -> None:
    out = tmp_path / "out"
    arguments = ["--polygons", "geojson", "--polygon-tolerance", "0", "--polygon-min-area", "4"]
    assert main(["segment", str(folder), "--out", str(out), *arguments]) == 0

    assert [name for name in names(out) if name.endswith(".json")] == [
        f"{name}.polygons.json" for name in ("C.JPG", "a.jpg", "b.png")
    ]
    [feature] = json.loads((out / "a.jpg.polygons.json").read_text())["features"]
    assert feature["properties"] == {"class_id": 1, "class_name": "road"}
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.segmentation.polygons == pb.PolygonOptions(tolerance=0, min_area=4)


def test_the_segment_command_writes_one_file_in_cocos_format(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.png").write_text("no picture")
    out = tmp_path / "out"
    assert main(["segment", str(folder), "--out", str(out), "--polygons", "coco"]) == 1

    written = json.loads((out / "coco.json").read_text())
    assert [image["file_name"] for image in written["images"]] == [
        (folder / name).as_posix() for name in ("C.JPG", "a.jpg", "b.png")
    ]
    assert [one["image_id"] for one in written["annotations"]] == [1, 2, 3]
    assert [one["id"] for one in written["annotations"]] == [1, 2, 3]
    assert written["annotations"][0]["segmentation"] == [[1, 0, 3, 0, 3, 1, 1, 1]]
    assert written["categories"][1] == {"id": 1, "name": "road"}


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--polygons", "coco", "--size", "model"], "needs --size frame"),
        (["--polygon-tolerance", "1"], "need --polygons"),
        (["--polygon-min-area", "9"], "need --polygons"),
    ],
)
def test_options_of_polygons_that_contradict_exit_with_2(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    advice: str,
) -> None:
    assert main(["segment", str(folder), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert advice in capsys.readouterr().err


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
    *frames, summary = map(json.loads, out.splitlines())
    assert [frame["type"] for frame in frames] == ["frame"] * 20
    assert (summary["type"], summary["source"]) == ("summary", "photos")
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


@pytest.mark.parametrize(
    ("source", "code", "advice"),
    [
        ("/dev/video77", 3, "No such file"),
        ("77", 3, "/dev/video77: No such file"),
        ("rtsp://127.0.0.1:9/live", 3, "Connection refused"),
        ("http://127.0.0.1:9/video.mjpg", 3, "Connection refused"),
        ("http://", 2, "names no host"),
        ("film.mp4", 2, "there is no film.mp4; give a folder or pictures, a video file, a camera"),
        ("picamera2", 2, "picamera2 is missing: on Raspberry Pi OS `apt install"),
    ],
)
def test_a_source_that_cannot_be_opened_says_what_to_do(
    source: str, code: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", source, "--wait", "0.1"]) == code
    assert advice in capsys.readouterr().err


@pytest.mark.parametrize("command", ["segment", "stream"])
def test_what_users_of_a_model_should_know_is_said_once(
    command: str, folder: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.info.models[0].note = "For drawn scenes only."
    assert main([command, str(folder), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "edgeseg: the model toy: For drawn scenes only.\n"
    assert len(out.splitlines()) >= 3


def test_the_info_command_prints_the_models_as_text_and_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["info"]) == 0
    assert "toy 0123456789ab (cpu, toy 1.0)" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["classes"][1]["name"] == "road"


def test_the_info_command_says_that_a_model_is_degraded(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.info.models[0].degraded = True
    assert main(["info"]) == 0
    assert "(cpu, toy 1.0, degraded: a better delegate is unhealthy)" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["degraded"] is True


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
    assert json.loads(out.splitlines()[-1])["statuses"]["ok"] > 0
    assert script.stream_ended.wait(60)


@pytest.mark.parametrize(
    ("command", "option"), [("segment", "--out"), ("stream", "--out"), ("stream", "--video")]
)
def test_masks_that_do_not_cover_the_picture_are_not_drawn(
    folder: Path, command: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    for resize in ("letterbox", "crop"):
        arguments = ["--size", "model", "--resize", resize]
        assert main([command, str(folder), option, str(out), *arguments]) == 2
        assert "leave --size out, or write --size frame" in capsys.readouterr().err
        assert not out.exists()


def test_the_stream_command_passes_on_how_results_are_reused(
    folder: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    reuse = ["--reuse", "unchanged", "--reuse-threshold", "2", "--reuse-max-age", "0.5"]
    assert main(["stream", str(folder), "--json", *reuse]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["reused"] == 0
    assert main(["stream", str(folder), "--reuse-threshold", "2"]) == 2
    assert "need --reuse unchanged" in capsys.readouterr().err
    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert (options.reuse, options.reuse_threshold) == (pb.REUSE_UNCHANGED, 2)
    assert options.reuse_max_age_ms == 500
