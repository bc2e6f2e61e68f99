"""The programs of clients/examples against a real daemon, as their docstrings say."""

from __future__ import annotations

import io
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client
from scenes import draw_scene
from support.camera import Camera
from support.running_daemon import Launch, RunningDaemon
from support.running_recipe import EXAMPLES, RunningRecipe

RECIPES = sorted(path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("ros2_"))
"""All but those that need ROS, which have tests of their own."""
DOCS = EXAMPLES.parents[1] / "docs"
STAND_IN = Path(__file__).parents[1] / "support" / "picamera2_stand_in"

WITH_ROBOT, WITHOUT_ROBOT = 6, 13
"""Scenes by their seeds."""


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw_scene(seed).image).resize(size).save(file, "JPEG", quality=92)
    return file.getvalue()


@pytest.fixture
def camera() -> Iterator[Camera]:
    with Camera([scene(WITHOUT_ROBOT)], pause=0.05).running() as camera:
        yield camera


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures, one of them in a folder of its own, and two that differ in their ending."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for seed in range(1, 12):
        (folder / f"{seed:02}.jpg").write_bytes(scene(seed))
    Image.fromarray(draw_scene(12).image).save(folder / "01.png")
    (folder / "11.jpg").rename(folder / "more" / "01.jpg")
    return folder


def shares_in(line: str) -> dict[str, int]:
    """The classes of a line and their shares in percent."""
    return {name: int(share) for name, share in re.findall(r"(\w+) (\d+)%", line)}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_shows_and_is_in_the_docs(name: str) -> None:
    with RunningRecipe(name, "--help", env={"PYTHONPATH": with_path(STAND_IN)}) as recipe:
        assert recipe.wait() == 0, recipe.output
    said = "\n".join(recipe.output)
    assert "Shows " in said
    assert f"python {name}.py" in said
    assert f"clients/examples/{name}.py" in (DOCS / "client.md").read_text(encoding="utf-8")


def with_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def test_the_opencv_recipe_says_what_a_network_camera_sees(
    daemon: RunningDaemon,
) -> None:
    camera = Camera([scene(WITHOUT_ROBOT)], pause=0.05)
    arguments = (camera.address(), f"--server={daemon.address}", "--max-age=30")
    with ExitStack() as recipes:
        with camera.running():
            recipe = recipes.enter_context(RunningRecipe("camera_opencv", *arguments))
            before = recipe.wait_for("box", without="robot")
            camera.pictures = [scene(WITH_ROBOT)]
            after = recipe.wait_for("robot")
        assert recipe.wait() == 0, recipe.output  # with the camera
    seen = [re.fullmatch(r"(\d+): .*% \((\d+) ms ago\)", line) for line in recipe.output]
    ids = [int(line[1]) for line in seen if line is not None]
    assert ids == sorted(set(ids))
    assert all(0 <= int(line[2]) <= 30_000 for line in seen if line is not None)
    assert shares_in(before).keys() >= {"background", "box", "mug", "plant"}
    assert shares_in(after).keys() >= {"background", "robot", "ball", "mug"}


def test_the_opencv_recipe_ends_with_ctrl_c_or_a_line_about_the_camera(
    daemon: RunningDaemon, camera: Camera, tmp_path: Path
) -> None:
    with RunningRecipe("camera_opencv", camera.address(), f"--server={daemon.address}") as recipe:
        recipe.wait_for("background")
        assert recipe.interrupt() == 130
    assert "Traceback" not in "\n".join(recipe.output)
    missing = tmp_path / "none.mp4"
    with RunningRecipe("camera_opencv", missing, f"--server={daemon.address}") as recipe:
        assert recipe.wait() == 1
    assert recipe.output[-1] == f"camera_opencv: the camera {missing} cannot be opened"


def test_the_picamera2_recipe_sends_the_padded_i420_of_its_documented_api(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    """The camera is not a real one: picamera2 runs on a Raspberry Pi only."""
    picture = tmp_path / "scene.jpg"
    picture.write_bytes(scene(WITH_ROBOT))
    size = (600, 450)  # in rows of 640 bytes, or 320 for U and V
    arguments = (f"--size={size[0]}x{size[1]}", f"--server={daemon.address}", "--max-age=30")
    env = {"PYTHONPATH": with_path(STAND_IN), "STAND_IN": str(picture)}
    with RunningRecipe("camera_picamera2", *arguments, env=env) as recipe:
        line = recipe.wait_for("robot")
        assert recipe.interrupt() == 130, recipe.output
    with Client(daemon.address) as client:
        right = client.segment(scene(WITH_ROBOT, size)).shares
    seen = shares_in(line)
    for name, share in right.items():
        assert abs(seen.get(name, 0) - 100 * share) <= 1.5, (seen, right)
    age = re.search(r"\((\d+) ms ago\)", line)
    assert age is not None
    assert 70 <= int(age[1]) <= 30_000  # since the sensor began


@pytest.mark.slow
def test_the_robot_stops_for_a_class_and_when_nothing_fresh_is_seen(
    launch: Launch, camera: Camera
) -> None:
    daemon = launch()
    arguments = (camera.address(), f"--server={daemon.address}", "--stop-for=robot", "--max-age=2")
    with RunningRecipe("robot", *arguments) as recipe:
        recipe.wait_for("go")
        assert recipe.output[0] == "stop: nothing fresh is seen"  # before the first frame
        camera.pictures = [scene(WITH_ROBOT)]
        recipe.wait_for("stop: robot")
        camera.pictures = [scene(WITHOUT_ROBOT)]
        recipe.wait_for("go")
        daemon.process.send_signal(signal.SIGSTOP)
        recipe.wait_for("stop: nothing fresh is seen")
        daemon.process.send_signal(signal.SIGCONT)
        recipe.wait_for("go")
        camera.frozen = True
        recipe.wait_for("stop: nothing fresh is seen")
        camera.pictures, camera.frozen = [scene(WITH_ROBOT)], False
        recipe.wait_for("stop: robot")
        assert recipe.interrupt() == 130, recipe.output
    decisions = [line for line in recipe.output if line.startswith(("go", "stop: "))]
    assert decisions[-1] == "stop: the end", recipe.output


def test_the_robot_does_not_go_if_its_model_lacks_the_class(
    daemon: RunningDaemon, camera: Camera
) -> None:
    arguments = (camera.address(), f"--server={daemon.address}", "--stop-for=person")
    with RunningRecipe("robot", *arguments) as recipe:
        assert recipe.wait() == 1
    assert "go" not in recipe.output
    assert "the model has no class 'person'" in recipe.output[-1]


def test_the_batch_goes_on_where_it_was_killed_and_loses_no_picture(
    daemon: RunningDaemon, photos: Path, tmp_path: Path
) -> None:
    (photos / "06-damaged.jpg").write_bytes(scene(6)[:3000])
    out = tmp_path / "masks"
    arguments = (photos, out, f"--server={daemon.address}")
    with RunningRecipe("batch", *arguments) as recipe:
        recipe.wait_for("3 of 13")  # and then it is killed
    with RunningRecipe("batch", *arguments) as recipe:
        assert recipe.wait() == 1, recipe.output
    before = re.fullmatch(r"13 pictures, (\d+) of them done before", recipe.output[0])
    assert before is not None
    assert 3 <= int(before[1]) <= 12
    assert recipe.output[-1] == f"{12 - int(before[1])} masks written, 1 pictures failed"
    assert f"{photos / '06-damaged.jpg'}: the JPEG is damaged" in "\n".join(recipe.output)
    pictures = {path.relative_to(photos) for path in photos.rglob("*.*g")}
    masks = {path.relative_to(out) for path in out.rglob("*.*") if path.name != "model.txt"}
    assert masks == {Path(f"{path}.mask.png") for path in pictures if "damaged" not in path.name}
    with Client(daemon.address) as client:
        for picture in pictures:
            if "damaged" not in picture.name:
                with Image.open(out / f"{picture}.mask.png") as mask:
                    right = client.segment(photos / picture).labels
                    assert (np.asarray(mask) == right).all()


def test_the_batch_does_changed_pictures_again_but_mixes_no_models(
    daemon: RunningDaemon, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    arguments = (photos, out, f"--server={daemon.address}")
    with RunningRecipe("batch", *arguments) as recipe:
        assert recipe.wait() == 0, recipe.output
    mask = out / "03.jpg.mask.png"
    before = mask.read_bytes()
    newer = mask.stat().st_mtime + 10
    (photos / "03.jpg").write_bytes(scene(20))
    os.utime(photos / "03.jpg", (newer, newer))
    with RunningRecipe("batch", *arguments) as recipe:
        assert recipe.wait() == 0, recipe.output
    assert recipe.output[0] == "12 pictures, 11 of them done before"
    assert mask.read_bytes() != before
    (out / "model.txt").write_text("other 1\n")
    (out / "04.jpg.mask.png").unlink()
    with RunningRecipe("batch", *arguments) as recipe:
        assert recipe.wait() == 1
    assert "has masks of other 1, this is scenes " in recipe.output[-1]
    assert not (out / "04.jpg.mask.png").exists()


@pytest.mark.parametrize("recipe", ["batch", "dask_batch", "two_boards"])
def test_a_folder_without_pictures_is_an_error_and_a_pipe_is_no_picture(
    tmp_path: Path, recipe: str
) -> None:
    os.mkfifo(tmp_path / "endless.jpg")
    for folder in (tmp_path, tmp_path / "missing"):
        arguments = (folder, "127.0.0.1:9" if recipe == "two_boards" else tmp_path / "masks")
        with RunningRecipe(recipe, *arguments) as running:
            assert running.wait() == 2
        assert f"{folder} is no folder with pictures" in running.output[-1]


def test_the_batch_waits_for_a_daemon_that_is_started_again(
    launch: Launch, photos: Path, tmp_path: Path
) -> None:
    out, listen = tmp_path / "masks", f"unix://{tmp_path}/edgeseg.sock"
    first = launch(f"--listen={listen}")
    with RunningRecipe("batch", photos, out, f"--server={listen}") as recipe:
        recipe.wait_for("1 of 12")
        first.stop(signal.SIGKILL)
        launch(f"--listen={listen}")
        assert recipe.wait() == 0, recipe.output
    assert recipe.output[-1] == "12 masks written, 0 pictures failed"
    assert len(list(out.rglob("*.mask.png"))) == 12


@pytest.mark.slow
def test_two_boards_share_the_work_and_one_does_it_all_when_the_other_dies(
    launch: Launch, photos: Path
) -> None:
    for number in range(30):
        (photos / f"copy-{number}.jpg").write_bytes(scene(7))
    (photos / "damaged.jpg").write_bytes(scene(6)[:3000])
    left, right = launch(), launch()
    with RunningRecipe("two_boards", photos, left.address, right.address) as recipe:
        recipe.wait_for(f"({left.address})")
        recipe.wait_for(f"({right.address})")
        left.stop(signal.SIGKILL)
        assert recipe.wait() == 0, recipe.output
    done = [line.partition(":")[0] for line in recipe.output if "%" in line]
    expected = {str(path) for path in photos.glob("*.jpg") if path.stem != "damaged"}
    assert sorted(done) == sorted(expected)
    assert sum("damaged.jpg: the JPEG is damaged" in line for line in recipe.output) == 1


def add_pictures(photos: Path) -> None:
    """48 more."""
    for number in range(48):
        (photos / f"copy-{number}.jpg").write_bytes(scene(20 + number))


def dask_lines(recipe: RunningRecipe) -> dict[str, int]:
    """Each picture that was done, and the process that did it; none is there twice."""
    found = [re.fullmatch(r"\d+ of \d+: (.+) \(worker (\d+)\)", line) for line in recipe.output]
    done = [(line[1], int(line[2])) for line in found if line is not None]
    assert len(dict(done)) == len(done), recipe.output
    return dict(done)


@pytest.mark.slow
def test_dask_loses_no_picture_with_a_board_or_a_worker_and_goes_on_after_a_break(
    launch: Launch, photos: Path, tmp_path: Path
) -> None:
    add_pictures(photos)
    (photos / "damaged.jpg").write_bytes(scene(6)[:3000])
    left, right = launch(), launch()
    out = tmp_path / "masks"

    def done(picture: Path) -> Path:
        return out / f"{picture}.mask.png"

    arguments = (photos, out, f"--server={left.address},{right.address}")
    with RunningRecipe("dask_batch", *arguments) as recipe:
        recipe.wait_for("6 of 61")
        assert all(frames_of(board) > 0 for board in (left, right))
        left.stop(signal.SIGKILL)
        recipe.wait_for("12 of 61")
        first = dask_lines(recipe)
        workers = set(first.values())
        assert len(workers) == 2
        os.kill(min(workers), signal.SIGKILL)
        recipe.wait_for("18 of 61")  # and then all of it is killed
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.mask.png")}
    with RunningRecipe("dask_batch", *arguments) as recipe:
        assert recipe.wait() == 1, recipe.output
    assert recipe.output[0] == f"61 pictures, {len(before)} of them done before"
    assert 17 <= len(before) < 60
    assert f"{60 - len(before)} masks written, 1 pictures failed" in recipe.output
    assert "damaged.jpg: the JPEG is damaged" in "\n".join(recipe.output)
    pictures = {path.relative_to(photos) for path in photos.rglob("*.*g") if path.stem != "damaged"}
    masks = {path for path in out.rglob("*.*") if path.name != "model.txt"}
    assert masks == set(map(done, pictures))
    second = {Path(path).relative_to(photos) for path in dask_lines(recipe)}
    assert second == {Path("damaged.jpg"), *(each for each in pictures if done(each) not in before)}
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    with Client(right.address) as client:
        for picture in pictures:
            with Image.open(done(picture)) as mask:
                assert (np.asarray(mask) == client.segment(photos / picture).labels).all()


@pytest.mark.slow
def test_dask_says_how_to_go_on_when_it_is_interrupted_or_finds_masks_of_another_model(
    daemon: RunningDaemon, photos: Path, tmp_path: Path
) -> None:
    add_pictures(photos)
    out = tmp_path / "masks"
    with RunningRecipe("dask_batch", photos, out, f"--server={daemon.address}") as recipe:
        recipe.wait_for("1 of 60")
        assert recipe.interrupt() == 1
    assert "dask_batch: interrupted; run it again to go on" in recipe.output
    assert list(out.rglob("*.mask.png"))
    (out / "model.txt").write_text("other 1\n")
    (out / "01.png.mask.png").unlink(missing_ok=True)
    with RunningRecipe("dask_batch", photos, out, f"--server={daemon.address}") as recipe:
        assert recipe.wait() == 1
    assert any("has masks of other 1, this is scenes " in line for line in recipe.output)
    assert not (out / "01.png.mask.png").exists()


def frames_of(board: RunningDaemon) -> float:
    return board.metric("edgeseg_frames_total", outcome="ok")


def test_workers_of_gunicorn_that_are_forked_at_any_time_serve_masks(
    daemon: RunningDaemon, jpeg: bytes, tmp_path: Path
) -> None:
    arguments = ("--listen=127.0.0.1:0", "--workers=2", f"--server={daemon.address}")
    home = {"HOME": str(tmp_path)}  # gunicorn has a socket there
    with RunningRecipe("gunicorn_app", *arguments, env=home) as recipe:
        url = re.search(r"http://\S+", recipe.wait_for("Listening at"))
        assert url is not None
        seen = set()
        for _ in range(4):
            with urllib.request.urlopen(url[0], data=jpeg, timeout=30) as answer:
                worker = int(answer.headers["X-Worker"])
                with Image.open(io.BytesIO(answer.read())) as mask:
                    labels = np.asarray(mask)
            assert worker not in seen  # those were killed, and others forked in their place
            seen.add(worker)
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url[0], data=b"no picture", timeout=30)
        with refused.value as answer:
            assert (answer.code, b"not a JPEG" in answer.read()) == (400, True)
        recipe.process.terminate()
        assert recipe.wait() == 0, recipe.output
    with Client(daemon.address) as client:
        assert (labels == client.segment(jpeg).labels).all()


def test_the_shared_memory_recipe_gets_an_answer_for_each_frame(
    launch: Launch, tmp_path: Path
) -> None:
    listen = f"unix://{tmp_path}/edgeseg.sock"
    launch(f"--listen={listen}")
    arguments = (f"--server={listen}", "--frames=20")
    with RunningRecipe("camera_shared_memory", *arguments) as recipe:
        assert recipe.wait() == 0, recipe.output
    assert sorted(int(line.split()[0]) for line in recipe.output) == list(range(20))
    assert any(line.split()[1] == "ok" for line in recipe.output)
