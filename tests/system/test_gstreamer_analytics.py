"""GStreamer 1.26 of Debian 13 in a root of its own: its analytics metadata."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client
from scenes import draw_scene
from support.gstreamer import PACKAGES
from support.running_daemon import RunningDaemon
from support.video_frames import gray_pictures

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]

VARIABLE = "EDGESEG_DEBIAN_13"
PROJECT = Path(__file__).parents[2]
MORE_PACKAGES = "gir1.2-gst-plugins-bad-1.0 libpython3.13-dev"
"""The description of GstAnalytics; and the libpython3.13.so that the loader looks for."""
SCENES = 3
SIZE = 322, 242
RUN_SECONDS = 60.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def root() -> Path:
    """The root of a Debian 13; made once, in a minute and 600 MB."""
    if VARIABLE not in os.environ:
        pytest.skip(
            f"set {VARIABLE} to a folder for a Debian 13, which is made there if it is empty"
            " (as root, with mmdebstrap: apt install mmdebstrap)"
        )
    root = Path(os.environ[VARIABLE])
    if not (root / "usr").exists():
        packages = ",".join(["python3", *PACKAGES.split(), *MORE_PACKAGES.split()])
        command = ["mmdebstrap", "--variant=minbase", f"--include={packages}", "trixie", str(root)]
        subprocess.run(command, check=True)
    shutil.rmtree(root / "opt" / "edgeseg", ignore_errors=True)
    for folder in ("clients", "proto"):
        shutil.copytree(PROJECT / folder, root / "opt" / "edgeseg" / folder)
    shutil.copy(Path(__file__).with_name("gstreamer_analytics.py"), root / "opt" / "edgeseg")
    for number in range(SCENES):
        scene(number).save(root / "opt" / "edgeseg" / f"{number}.png")
    return root


def scene(number: int) -> Image.Image:
    return Image.fromarray(draw_scene(number).image).resize(SIZE)


def run(root: Path, daemon: RunningDaemon, *command: str) -> str:
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/opt/edgeseg",
        "GST_REGISTRY": "/opt/edgeseg/registry.bin",
        "GST_PLUGIN_PATH": "/opt/edgeseg/clients/edgeseg_gstreamer/plugins",
        "EDGESEG_SERVER": daemon.address,
    }
    program = [str(shutil.which("chroot", path=f"{os.environ['PATH']}:/usr/sbin")), str(root)]
    done = subprocess.run(
        [*program, "env", *(f"{name}={value}" for name, value in variables.items()), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PICTURES = (
    f"multifilesrc location=/opt/edgeseg/%d.png index=0 stop-index={SCENES - 1}"
    " caps=image/png,framerate=10/1 ! pngdec ! videoconvert ! video/x-raw,format=RGB"
)


def test_the_analytics_metadata_has_the_mask_of_each_picture_and_the_names_of_its_classes(
    root: Path, daemon: RunningDaemon
) -> None:
    program = ("python3", "/opt/edgeseg/gstreamer_analytics.py")
    for classes in ([], ["robot", "box"]):
        wanted = f"edgeseg classes={','.join(classes)}" if classes else "edgeseg"
        printed = run(root, daemon, *program, f"{PICTURES} ! {wanted} ! appsink name=out")
        lines = [json.loads(line) for line in printed.splitlines()]
        assert [line["pts"] for line in lines] == [n * 100_000_000 for n in range(SCENES)]
        with Client(daemon.address) as client:
            for number, line in enumerate(lines):
                result = client.segment(scene(number), size="frame", classes=classes)
                found = gray_pictures(bytes.fromhex(line["gray"]), SIZE)[0]
                assert np.array_equal(found, result.labels)
                names = {one.id: one.name for one in result.class_table} | {255: "no class"}
                assert line["ids"] == np.unique(result.labels).tolist()
                assert line["names"] == [names[one] for one in line["ids"]]
                assert (line["format"], line["related"]) == ("gray8", True)
                assert (line["size"], line["place"]) == ([*SIZE], [0, 0, *SIZE])


def test_masks_pad_and_overlay_are_those_of_older_versions(
    root: Path, daemon: RunningDaemon
) -> None:
    pipeline = (
        f"{PICTURES} ! edgeseg name=s ! queue ! edgesegoverlay opacity=1"
        " ! filesink location=/opt/edgeseg/overlay.raw"
        " s.mask ! queue ! filesink location=/opt/edgeseg/masks.raw"
    )
    run(root, daemon, "gst-launch-1.0", *pipeline.split())
    masks = gray_pictures((root / "opt/edgeseg/masks.raw").read_bytes(), SIZE)
    drawn = np.frombuffer((root / "opt/edgeseg/overlay.raw").read_bytes(), np.uint8)
    rows = drawn.reshape(SCENES, SIZE[1], 968)[:, :, : 3 * SIZE[0]]
    with Client(daemon.address) as client:
        for number in range(SCENES):
            result = client.segment(scene(number), size="frame")
            assert np.array_equal(masks[number], result.labels)
            colors = np.zeros((256, 3), np.uint8)
            for one in result.class_table:
                colors[one.id] = one.color
            shown = colors.sum(axis=1)[result.labels][..., None] > 0
            wanted = np.where(shown, colors[result.labels], np.asarray(scene(number)))
            assert np.array_equal(rows[number].reshape(SIZE[1], SIZE[0], 3), wanted)
