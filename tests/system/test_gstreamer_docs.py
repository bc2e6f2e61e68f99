"""What docs/gstreamer.md shows, as it is written there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client
from scenes import draw_scene
from support.gstreamer import LAUNCH_SECONDS, PACKAGES, PYTHON, GStreamer
from support.running_daemon import RunningDaemon

pytestmark = [pytest.mark.system, pytest.mark.slow]

PAGE = (Path(__file__).parents[2] / "docs" / "gstreamer.md").read_text(encoding="utf-8")
PIPELINES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
FRAMES = 5
CAMERA = f"videotestsrc is-live=true num-buffers={FRAMES}"
STAND_INS = {
    "v4l2src ! image/jpeg": f"{CAMERA} ! jpegenc ! image/jpeg",
    "v4l2src ! video/x-raw": f"{CAMERA} ! video/x-raw",
    "autovideosink": "fakesink",
}
"""For what these machines lack: a camera and a screen."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def gstreamer(daemon: RunningDaemon, tmp_path_factory: pytest.TempPathFactory) -> GStreamer:
    """With the files that the page names."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("photos", "masks"):
        (folder / name).mkdir()
    for number in range(FRAMES):
        Image.fromarray(draw_scene(number).image).save(folder / "photos" / f"{number}.jpg")
    made = GStreamer(folder, daemon.address)
    made.run(
        "multifilesrc location=photos/%d.jpg caps=image/jpeg,framerate=10/1 ! jpegdec"
        " ! videoconvert ! vp8enc deadline=1 ! webmmux ! filesink location=street.webm"
    )
    return made


@pytest.mark.parametrize("text", PIPELINES, ids=range(len(PIPELINES)))
def test_a_pipeline_of_the_page_runs_to_its_end(gstreamer: GStreamer, text: str) -> None:
    for real, instead in STAND_INS.items():
        text = text.replace(real, instead)
    command = text.strip().removeprefix("gst-launch-1.0 ")
    assert command != text.strip(), "the page shows whole commands"
    said = gstreamer.run(command)
    assert "Got EOS" in said
    assert "WARNING" not in said


def test_there_are_pipelines_on_the_page() -> None:
    assert len(PIPELINES) == 6


def test_the_pngs_of_the_page_are_the_masks_of_the_photos(
    gstreamer: GStreamer, daemon: RunningDaemon
) -> None:
    (pipeline,) = (text for text in PIPELINES if "pngenc" in text)
    gstreamer.run(pipeline.strip().removeprefix("gst-launch-1.0 "))
    with Client(daemon.address) as client:
        for number in range(FRAMES):
            wanted = client.segment(gstreamer.folder / f"photos/{number}.jpg", size="frame").labels
            mask = Image.open(gstreamer.folder / f"masks/{number}.png")
            assert np.array_equal(np.asarray(mask), wanted)


def test_the_program_of_the_page_prints_the_pixels_of_each_class(gstreamer: GStreamer) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [PYTHON, "-c", program],
        cwd=gstreamer.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=LAUNCH_SECONDS,
        env=gstreamer.variables,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == FRAMES
    assert all("'background':" in line for line in lines)


def test_the_page_lists_every_property(gstreamer: GStreamer) -> None:
    shown = subprocess.run(
        ["/bin/sh", "-c", "gst-inspect-1.0 edgeseg"],
        capture_output=True,
        text=True,
        check=True,
        env=gstreamer.variables,
    ).stdout
    properties = re.findall(
        r"^  ([a-z-]+) +: ", shown.partition("Element Properties:")[2], re.MULTILINE
    )
    table = PAGE.partition("## Properties of `edgeseg`")[2].partition("`edgesegoverlay` has")[0]
    listed = re.findall(r"`([a-z-]+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)))
    assert set(listed) == set(properties) - {"name", "parent"}


def test_the_page_installs_what_the_tests_need() -> None:
    assert set(PACKAGES.split()) <= set(PAGE.split())
