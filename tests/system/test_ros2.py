"""The node of ROS 2 with the real rclpy, built by colcon: messages go over the real middleware."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client
from scenes import CLASSES, draw_scene
from support.running_daemon import RunningDaemon
from support.running_ros import PROJECT, ROS, RunningNode, build_workspace

pytestmark = [pytest.mark.system, pytest.mark.slow]

ROBOT = Path(__file__).with_name("ros2_robot.py")
MASKS = Path(__file__).with_name("ros2_masks.py")
PYTHON = ROS / "bin/python"
STOP = PROJECT / "clients/examples/ros2_stop.py"
LABEL_INFO_HASH = "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"
"""Of vision_msgs 4.1, as rosidl generated it there."""


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROS / ".ready").exists():
        pytest.skip(f"ROS 2 is missing: make {ROS.name}/.ready says what it needs")
    return build_workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as running:
        yield running


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    Image.fromarray(draw_scene(7).image).save(path)
    return path


def node(setup: Path, address: str, *arguments: str) -> RunningNode:
    executable = setup.parent / "edgeseg_ros/lib/edgeseg_ros/segment"
    given = ("-p", f"server:={address}", *arguments)
    return RunningNode(setup, executable, "--ros-args", *given)


def robot(setup: Path, picture: Path | str, *topics: str) -> RunningNode:
    return RunningNode(setup, PYTHON, ROBOT, picture, *topics)


def recipe(setup: Path, *more: str) -> RunningNode:
    return RunningNode(setup, PYTHON, STOP, "--ros-args", "-p", "max_age:=1.0", *more)


def masks(setup: Path, *arguments: float | str) -> RunningNode:
    return RunningNode(setup, PYTHON, MASKS, *map(str, arguments))


def sha256_of_mask(address: str, scene: Path) -> str:
    with Client(address) as client:
        labels = client.segment(np.asarray(Image.open(scene)), size="frame").labels
    return hashlib.sha256(labels.tobytes()).hexdigest()


def test_masks_are_those_of_the_client_with_the_headers_of_their_images(
    setup: Path, daemon: RunningDaemon, scene: Path
) -> None:
    remap = ("-r", "image:=/camera/image_raw", "-r", "__ns:=/camera")
    outputs = ("-p", "outputs:=mask,confidence,colored,overlay")
    encodings = {"confidence": "mono8", "colored_mask": "rgb8", "overlay": "rgb8"}
    topics = [f"{name}=/camera/{name}" for name in ("mask", *encodings)]
    with (
        node(setup, daemon.address, *remap, *outputs),
        robot(setup, scene, *topics, "diagnostics=/diagnostics") as listening,
    ):
        images = masks = listening.wait_for_facts("mask", 10)
        for name, encoding in encodings.items():
            others = listening.wait_for_facts(name, 2)
            assert {one["encoding"] for one in others} == {encoding}
            images = images + others
        report = listening.wait_for_facts("diagnostics", level=0)[0]
    right = sha256_of_mask(daemon.address, scene)
    for mask in masks:
        assert mask["sha256"] == right
        assert (mask["encoding"], mask["shape"], mask["step"]) == ("mono8", [480, 640], 640)
    assert {one["of_an_image"] for one in images} == {True}
    assert {one["frame_id"] for one in images} == {"camera_optical_frame"}
    assert report["name"] == "camera/edgeseg: segmentation"
    assert report["model"] == "scenes"
    assert report["age_counts_from"] == "the header's stamp"


def test_who_listens_late_gets_the_names_of_the_classes(
    setup: Path, daemon: RunningDaemon, scene: Path
) -> None:
    with node(setup, daemon.address, "-r", "image:=/camera/image_raw"):
        with robot(setup, scene, "mask=mask") as first:
            first.wait_for_facts("mask")
        with robot(setup, "-", "label_info=label_info") as late:
            (info,) = late.wait_for_facts("label_info")
    assert info["names"] == {**{str(i): n for i, n in enumerate(CLASSES)}, "255": "UNLABELED"}
    assert info["type_hash"] == LABEL_INFO_HASH


def test_compressed_images_and_the_names_of_isaac_ros(
    setup: Path, daemon: RunningDaemon, scene: Path
) -> None:
    arguments = ("-r", "image_rect:=/camera/image_raw", "-p", "preset:=isaac_ros_unet")
    transport = ("-p", "image_transport:=compressed")
    mask = "mask=/unet/raw_segmentation_mask"
    colored = "colored=/unet/colored_segmentation_mask"
    with (
        node(setup, daemon.address, *arguments, *transport),
        robot(setup, scene, mask, colored) as listening,
    ):
        masks = listening.wait_for_facts("mask", 5)
        listening.wait_for_facts("colored", 2, encoding="rgb8")
    with Client(daemon.address) as client:
        labels = client.segment(scene, size="frame").labels
    assert {one["sha256"] for one in masks} == {hashlib.sha256(labels.tobytes()).hexdigest()}


def test_with_simulated_time_that_stands_still_there_are_masks_and_diagnostics(
    setup: Path, daemon: RunningDaemon, scene: Path
) -> None:
    arguments = ("-r", "image:=/camera/image_raw", "-p", "use_sim_time:=true")
    with (
        node(setup, daemon.address, *arguments, "-p", "max_age:=30.0"),
        robot(setup, scene, "mask=mask", "diagnostics=/diagnostics") as listening,
    ):
        listening.wait_for_facts("mask", 5)
        report = listening.wait_for_facts("diagnostics", level=0)[-1]
    assert report["expired"] == "0"
    assert report["age_counts_from"] == "the receipt of the image"


def test_a_daemon_that_is_replaced_is_reported_and_used_again(setup: Path, scene: Path) -> None:
    with (
        RunningDaemon("--delegate=cpu") as first,
        node(setup, first.address, "-r", "image:=/camera/image_raw") as segmenting,
        robot(setup, scene, "mask=mask", "diagnostics=/diagnostics") as listening,
    ):
        listening.wait_for_facts("mask")
        assert first.stop() == 0
        listening.wait_for_facts("diagnostics", level=2)
        segmenting.wait_for(lambda line: "trying again" in line)
        before = len(listening.facts("mask"))
        good = len([one for one in listening.facts("diagnostics") if one["level"] == 0])
        with RunningDaemon("--delegate=cpu", f"--listen={first.address}"):
            segmenting.wait_for(lambda line: "the daemon answers again" in line)
            listening.wait_for_facts("mask", before + 1)
            listening.wait_for_facts("diagnostics", good + 1, level=0)


def test_a_wrong_parameter_ends_the_node_with_what_is_right(
    setup: Path, daemon: RunningDaemon
) -> None:
    starting = node(setup, daemon.address, "-p", "size:=huge")
    assert starting.wait() == 2, starting.lines
    assert any("size is 'huge'; it can be: 'frame'" in line for line in starting.lines)


def test_the_recipe_stops_the_robot_for_a_class_and_without_fresh_masks(
    setup: Path, daemon: RunningDaemon, scene: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.png"
    Image.fromarray(np.full((480, 640, 3), 128, np.uint8)).save(empty)
    ball = ("-p", "class_name:=ball", "-p", "max_age:=2.0")
    with (
        RunningNode(setup, PYTHON, STOP, "--ros-args", *ball),
        node(setup, daemon.address, "-r", "image:=/camera/image_raw"),
    ):
        with robot(setup, scene, "stop=stop", "mask=mask") as with_ball:
            with_ball.wait_for_facts("mask", 5)
            with_ball.wait_for_facts("stop", 20)
        with robot(setup, empty, "stop=stop") as without:
            without.wait_for_facts("stop", stop=False)
        with robot(setup, "-", "stop=stop") as no_images:
            no_images.wait_for_facts("stop", stop=True)
    assert {one["stop"] for one in with_ball.facts("stop")} == {True}


@pytest.mark.parametrize("class_id", [1, 7])
def test_the_recipe_watches_all_classes_of_a_name(setup: Path, class_id: int) -> None:
    with recipe(setup):
        with masks(setup, 0, 0) as clear:
            clear.wait_for_facts("stop", 20, stop=False)
        with masks(setup, 0, class_id) as shown:
            facts = shown.wait_for_facts("stop", 60)
    # A mask of a class that is not watched would be fresh, and let the robot go on.
    assert {one["stop"] for one in facts[-30:]} == {True}


def test_the_recipe_believes_no_stamp_that_is_ahead_but_a_little(setup: Path) -> None:
    with recipe(setup):
        with masks(setup, 0.01, 0) as nearly:
            nearly.wait_for_facts("stop", stop=False)
        with masks(setup, 3600, 0) as ahead:
            facts = ahead.wait_for_facts("stop", 60)
    assert {one["stop"] for one in facts[-30:]} == {True}


def test_the_recipe_stops_without_new_masks_also_if_the_clock_of_their_stamps_stands(
    setup: Path,
) -> None:
    """With simulated time that nobody publishes, a mask keeps its age for ever."""
    simulated = ("--ros-args", "-p", "use_sim_time:=true")
    with recipe(setup, "-p", "use_sim_time:=true"), masks(setup, 0, 0, 40, *simulated) as last:
        last.wait_for_facts("stop", stop=False)
        last.wait_for_facts("stop", 20, stop=True, left=0)


def test_the_tests_have_a_domain_of_their_own(setup: Path) -> None:
    """Nodes of another run on this machine would answer, too."""
    script = "import os; print(os.environ['ROS_DOMAIN_ID'])"
    with RunningNode(setup, PYTHON, "-c", script) as printing:
        assert printing.wait() == 0, printing.lines
    assert printing.lines == [str(os.getpid() % 100 + 1)]
