"""The client's library and command against the real daemon."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from edgeseg_client import Client, InvalidRequest, Status
from edgeseg_client.sources import open_source
from scenes import CLASSES, draw_scene
from support.running_daemon import RunningDaemon

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pictures(tmp_path: Path, jpeg: bytes) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(jpeg)
    with Image.open(io.BytesIO(jpeg)) as image:
        image.resize((300, 500)).save(folder / "two.png")
    return folder


def edgeseg(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


def test_the_client_segments_bytes_and_arrays(daemon: RunningDaemon, jpeg: bytes) -> None:
    scene = draw_scene(7)
    with Client(daemon.address) as client:
        from_bytes = client.segment(jpeg, size="frame")
        from_array = client.segment(scene.image, size="frame", outputs=["labels", "statistics"])
        with pytest.raises(InvalidRequest, match="damaged"):
            client.segment(jpeg[:2000])
        again = client.segment(jpeg, size="frame")
    assert from_bytes.labels.shape == (480, 640)
    assert from_bytes.labels.dtype == np.uint8
    assert (again.labels == from_bytes.labels).all()
    assert (from_array.labels == scene.labels).mean() > 0.9
    assert {found.class_name for found in from_array.segments} <= set(CLASSES)


def test_masks_have_the_size_of_the_frame_and_classes_have_names(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    with Client(daemon.address) as client:
        result = client.segment(jpeg)
        first, second = client.stream([jpeg, jpeg])
    assert result.labels.shape == (480, 640)
    assert [one.name for one in result.class_table] == list(CLASSES)
    assert second.result.class_table == first.result.class_table == result.class_table
    for name, found in result.classes.items():
        assert (result.mask(name) == (result.labels == CLASSES.index(name))).all()
        assert found.area == result.mask(name).sum()
        assert second.share(name) == found.area / (480 * 640) > 0
    assert second.overlay(jpeg).tobytes() == result.overlay(jpeg).tobytes()


def test_a_list_is_segmented_whole_and_a_live_source_is_not_waited_for(
    daemon: RunningDaemon, jpeg: bytes, tmp_path: Path
) -> None:
    with Client(daemon.address) as client:
        files = [answer.status for answer in client.stream([jpeg] * 12)]
        live = [answer.status for answer in client.stream(jpeg for _ in range(12))]
        (tmp_path / "a.jpg").write_bytes(jpeg)
        folder = [answer.status for answer in client.stream(open_source(str(tmp_path), rounds=12))]
    assert files == folder == [Status.OK] * 12
    assert Status.SUPERSEDED in live


def test_a_stream_of_the_client_answers_good_and_bad_frames(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    with Client(daemon.address) as client:
        answers = list(client.stream([jpeg, b"no picture", jpeg], policy="every"))
    assert {answer.frame_id: answer.ok for answer in answers} == {0: True, 1: False, 2: True}
    assert len(answers) == 3


def test_the_segment_command_writes_masks_and_overlays(
    daemon: RunningDaemon, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    done = edgeseg("segment", pictures, f"--server={daemon.address}", f"--out={out}")
    assert done.returncode == 0, done.stderr
    for name, size in (("one.jpg", (640, 480)), ("two.png", (300, 500))):
        with Image.open(out / f"{name}.labels.png") as labels:
            assert (labels.mode, labels.size) == ("P", size)
            assert set(np.unique(np.asarray(labels)).tolist()) <= set(range(len(CLASSES)))
        assert (out / f"{name}.overlay.png").is_file()


def test_the_segment_command_writes_polygons_that_pycocotools_draws_back(
    daemon: RunningDaemon, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    arguments = [f"--server={daemon.address}", f"--out={out}", "--polygons=coco"]
    done = edgeseg("segment", pictures, *arguments, "--polygon-tolerance=0")
    assert done.returncode == 0, done.stderr
    written = COCO(out / "coco.json")
    assert len(written.imgs) == 2
    for number, image in written.imgs.items():
        name = Path(image["file_name"]).name
        with Image.open(out / f"{name}.labels.png") as file:
            labels = np.asarray(file)
        found = written.loadAnns(written.getAnnIds(number))
        assert [one["category_id"] for one in found] == sorted(np.unique(labels).tolist())
        for one in found:
            assert (written.annToMask(one) == (labels == one["category_id"])).all()


def test_the_segment_command_goes_on_after_a_bad_picture(
    daemon: RunningDaemon, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "middle.jpg").write_text("this is no picture")
    out = tmp_path / "masks"
    done = edgeseg("segment", pictures, f"--server={daemon.address}", f"--out={out}")
    assert done.returncode == 1
    assert "middle.jpg" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in out.glob("*.labels.png")) == [
        "one.jpg.labels.png",
        "two.png.labels.png",
    ]


def test_the_stream_and_info_commands_report_as_json(daemon: RunningDaemon, pictures: Path) -> None:
    done = edgeseg(
        "stream", pictures, f"--server={daemon.address}", "--policy=every", "--loop=5", "--json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["frames"], summary["statuses"]) == (10, {"ok": 10})
    info = json.loads(edgeseg("info", f"--server={daemon.address}", "--json").stdout)
    assert info["models"][0]["name"] == "scenes"


def test_the_segment_command_without_a_daemon_prints_one_line(
    tmp_path: Path, pictures: Path
) -> None:
    done = edgeseg(
        "segment",
        pictures / "one.jpg",
        f"--server=unix://{tmp_path}/none",
        f"--out={tmp_path}",
        "--wait=0.1",
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_the_info_command_at_the_port_of_the_metrics_fails_at_once(daemon: RunningDaemon) -> None:
    done = edgeseg("info", f"--server={urlsplit(daemon.metrics_url).netloc}", "--wait=3600")
    assert done.returncode == 3
    assert "is it the port of the daemon's metrics" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_snippet_of_the_readme_runs_as_it_stands(
    daemon: RunningDaemon, pictures: Path, tmp_path: Path
) -> None:
    """The snippet is changed only to have this daemon's address, and a class of its model."""
    snippet = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert snippet is not None
    assert snippet[1].count("\n") <= 8
    (pictures / "one.jpg").rename(tmp_path / "photo.jpg")
    (pictures / "two.png").rename(tmp_path / "another.png")
    program = snippet[1].replace("127.0.0.1:8460", daemon.address).replace('"person"', '"robot"')
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *answers = done.stdout.splitlines()
    assert re.match(r"[1-9]\d+ pixels show a person; of all: \{'background': 0\.7", first)
    assert [answer.partition("'")[0] for answer in answers] == ["ok {"] * 2
    with Image.open(tmp_path / "overlay.png") as overlay:
        assert overlay.size == (640, 480)


def test_the_client_brings_no_runtime() -> None:
    """`pip install edgeseg` without extras needs neither a runtime nor the daemon's packages."""
    needed = [
        requirement
        for requirement in metadata.requires("edgeseg") or []
        if "extra ==" not in requirement
    ]
    names = {re.split(r"[<>=!; \[]", requirement)[0].lower() for requirement in needed}
    assert names == {"grpcio", "protobuf", "numpy", "pillow"}
