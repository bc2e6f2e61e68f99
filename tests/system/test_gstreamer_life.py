"""The element `edgeseg` while daemons, pipelines and pictures come and go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scenes import draw_scene
from support.gstreamer import App, GStreamer
from support.running_daemon import RunningDaemon

pytestmark = [pytest.mark.system, pytest.mark.slow]

CAMERA = "videotestsrc is-live=true ! video/x-raw,width=320,height=240"
FILE = "videotestsrc ! video/x-raw,width=320,height=240,framerate=100/1"
OUT = "appsink sync=false name=out"


@pytest.fixture
def socket(tmp_path: Path) -> str:
    """Where a test starts and stops daemons of its own."""
    return f"unix://{tmp_path}/grpc.sock"


@pytest.fixture
def gstreamer(tmp_path: Path, socket: str) -> GStreamer:
    return GStreamer(tmp_path, socket)


@pytest.fixture
def daemon(socket: str) -> Iterator[RunningDaemon]:
    with running(socket) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as daemon:
        yield daemon


@pytest.fixture
def served(tmp_path: Path, shared_daemon: RunningDaemon) -> GStreamer:
    """For tests that leave the daemon as it is."""
    return GStreamer(tmp_path, shared_daemon.address)


def running(socket: str) -> RunningDaemon:
    return RunningDaemon("--delegate=cpu", f"--listen={socket}")


def masks_are_of_their_own_pictures(app: App) -> bool:
    return all(line["mask"]["pts"] == line["pts"] for line in app.buffers() if "mask" in line)


@pytest.mark.slow
def test_a_camera_goes_on_without_masks_while_the_daemon_is_away_and_gets_them_again(
    gstreamer: GStreamer, socket: str
) -> None:
    with running(socket) as first, gstreamer.app(f"{CAMERA} ! edgeseg name=s ! {OUT}") as app:
        app.until_buffer(masked=True)
        first.stop()
        warning = app.until_message("warning")
        assert warning["text"] == (
            f"the daemon at {socket} does not answer; pictures pass without masks until it does"
        )
        app.until_buffer(masked=False)
        with running(socket):
            assert app.until_message("info")["text"] == f"the daemon at {socket} answers again"
            app.until_buffer(masked=True)
            app.tell("eos")
            app.until_message("eos")
        stats = app.tell("stats")["stats"]
        times = [line["pts"] for line in app.buffers()]
        assert stats["in"] == len(times) == len(set(times)), "no picture is lost or comes twice"
        assert times == sorted(times)
        assert stats["in"] == sum(stats.values()) - stats["in"], "each has its reason"
        assert stats["away"] > 0
        assert masks_are_of_their_own_pictures(app)
        assert app.messages().count("warning") == 1
        told = [line["text"] for line in app.lines if line.get("message") == "edgeseg-daemon"]
        states = [re.findall(r"connected=\(boolean\)(\w+)", text)[0] for text in told]
        assert states == ["true", "false", "true"]


@pytest.mark.slow
def test_pictures_of_a_file_wait_for_a_daemon_that_restarts_and_all_get_masks(
    gstreamer: GStreamer, socket: str
) -> None:
    with running(socket) as first, gstreamer.app(f"{FILE} ! edgeseg name=s ! {OUT}") as app:
        app.until_buffer(masked=True)
        first.stop()
        assert "pictures wait 30 s for it" in app.until_message("warning")["text"]
        with running(socket):
            app.until_message("info")
            app.until_buffer(masked=True)
            app.tell("eos")
            app.until_message("eos")
        assert all("mask" in line for line in app.buffers())
        times = [line["pts"] for line in app.buffers()]
        assert times == [number * 10_000_000 for number in range(len(times))]
        assert masks_are_of_their_own_pictures(app)


def test_pictures_of_a_file_pass_without_masks_if_no_daemon_comes_in_time(
    gstreamer: GStreamer,
) -> None:
    said = gstreamer.run(
        "videotestsrc num-buffers=30 ! video/x-raw,format=RGB,width=320,height=240"
        " ! edgeseg retry-for=1 name=s"
        " ! filesink location=passed.raw  s.mask ! queue ! filesink location=masks.raw"
    )
    assert "does not answer; pictures wait 1 s for it, then they pass without masks" in said
    passed = (gstreamer.folder / "passed.raw").stat().st_size
    assert passed == 30 * 320 * 240 * 3
    assert (gstreamer.folder / "masks.raw").stat().st_size == 0


def test_the_last_mask_is_held_for_pictures_without_one_and_says_whose_it_is(
    gstreamer: GStreamer, daemon: RunningDaemon
) -> None:
    pipeline = f"{CAMERA} ! edgeseg hold=1000 name=s ! {OUT}"
    with gstreamer.app(pipeline) as app:
        app.until_buffer(masked=True)
        daemon.stop()
        held = app.until(lambda line: "mask" in line and line["mask"]["pts"] != line["pts"])
        assert 0 < held["pts"] - held["mask"]["pts"] <= 1_000_000_000
        app.until_buffer(masked=False)
        last = max(line["mask"]["pts"] for line in app.buffers() if "mask" in line)
        assert app.lines[-1]["pts"] - last > 1_000_000_000
        assert app.tell("stats")["stats"]["held"] > 0


@pytest.mark.parametrize(
    ("pictures", "times"),
    [
        (["good@0", "bad@100"], [[0, 0], [100, 0]]),
        (["good@0", "/", "bad@100"], [[0, 0], [100, None]]),
        (["good@0", "/", "good@100", "bad@200"], [[0, 0], [100, 100], [200, 100]]),
        (["good@0", "good@-", "bad@100"], [[0, 0], ["-", "-"], [100, 0]]),
        (["good@0", "good@-", "good@50", "bad@100"], [[0, 0], ["-", "-"], [50, 50], [100, 50]]),
    ],
)
def test_a_mask_is_held_within_its_stream_and_only_if_its_picture_has_a_time(
    served: GStreamer, pictures: list[str], times: list[list[int | str | None]]
) -> None:
    Image.fromarray(draw_scene(2).image).save(served.folder / "good", "JPEG", quality=92)
    (served.folder / "bad").write_bytes((served.folder / "good").read_bytes()[:1000])
    printed = served.program("gstreamer_times.py", *pictures)
    assert [json.loads(line) for line in printed.splitlines()] == times


def test_pictures_that_wait_longer_than_the_latency_leave_without_a_mask(
    served: GStreamer,
) -> None:
    with served.app(f"{CAMERA} ! edgeseg latency=0 name=s ! {OUT}") as app:
        app.until_buffer(masked=False)
        app.until_buffer(masked=False)
        assert app.tell("stats")["stats"]["late"] >= 2


def test_a_camera_faster_than_the_daemon_keeps_its_order_and_superseded_pictures_pass(
    served: GStreamer,
) -> None:
    source = "videotestsrc num-buffers=300 ! video/x-raw,width=640,height=480,framerate=100/1"
    with served.app(f"{source} ! edgeseg policy=latest latency=5000 name=s ! {OUT}") as app:
        app.until_message("eos")
        times = [line["pts"] for line in app.buffers()]
        stats = app.tell("stats")["stats"]
        assert times == [number * 10_000_000 for number in range(300)]
        assert stats["superseded"] > 0
        assert stats["masks"] + stats["superseded"] == stats["in"] == 300
        assert "mask" in app.buffers()[-1], "nothing supersedes the last picture"
        assert masks_are_of_their_own_pictures(app)


def test_old_pictures_are_not_segmented(served: GStreamer) -> None:
    """The queue holds them for longer than they may be old."""
    queue = "queue min-threshold-time=300000000 max-size-time=0 max-size-buffers=0 max-size-bytes=0"
    with served.app(f"{CAMERA} ! {queue} ! edgeseg max-age=100 name=s ! {OUT}") as app:
        expired = 0
        while expired < 2:  # others have no mask either, while the stream is opened
            app.until_buffer(masked=False)
            stats = app.tell("stats")["stats"]
            expired = stats["expired"]
        assert stats["masks"] == 0


@pytest.mark.parametrize("source", [CAMERA, FILE], ids=["camera", "file"])
def test_state_changes_leave_no_threads_and_the_pipeline_runs_again(
    served: GStreamer, source: str
) -> None:
    with served.app(f"{source} ! edgeseg name=s ! {OUT}") as app:
        app.until_buffer(masked=True)
        before = app.tell("threads")["threads"]
        assert app.tell("cycle 10")["state"] != "failure"
        app.until_buffer(masked=True)
        for _ in range(3):
            assert app.tell("ready")["state"] == "success"
            app.tell("playing")
            app.until_buffer(masked=True)
        assert app.tell("threads")["threads"] == before
        assert app.tell("ready")["state"] == "success"
        left = {name for name in app.tell("threads")["threads"] if name.startswith("edgeseg")}
        assert left == {"edgeseg-client"}, "the client's loop runs until the process ends"
        assert masks_are_of_their_own_pictures(app)


def test_a_flush_forgets_what_is_held_and_pictures_behind_it_have_their_masks(
    served: GStreamer,
) -> None:
    with served.app(f"{FILE} ! edgeseg name=s ! {OUT}") as app:
        for _ in range(5):  # some before the first picture
            assert app.tell("seek")["ok"]
        for _ in range(5):
            app.until_buffer(masked=True)
            assert app.tell("seek")["ok"]
        app.until_buffer(masked=True)
        app.tell("eos")
        app.until_message("eos")
        assert all("mask" in line for line in app.buffers())
        assert masks_are_of_their_own_pictures(app)


def test_a_flush_while_the_daemon_is_away_does_not_hang(
    gstreamer: GStreamer, daemon: RunningDaemon
) -> None:
    with gstreamer.app(f"{FILE} ! edgeseg name=s ! {OUT}") as app:
        app.until_buffer(masked=True)
        daemon.stop()
        app.until_message("warning")
        assert app.tell("seek")["ok"]
        assert app.tell("ready")["state"] == "success"


def test_pictures_of_another_size_in_mid_stream_have_masks_of_their_size(
    served: GStreamer,
) -> None:
    source = (
        "videotestsrc num-buffers=400 ! videoscale"
        " ! capsfilter name=caps caps=video/x-raw,width=320,height=240"
    )
    with served.app(f"{source} ! edgeseg name=s ! appsink sync=true name=out") as app:
        app.until_buffer(masked=True)
        app.tell("width 200")
        changed = app.until(lambda line: line.get("width") == 200)
        assert changed["mask"]["frame"] == changed["mask"]["size"] == [200, 200]
        app.tell("width 322")
        changed = app.until(lambda line: line.get("width") == 322)
        assert changed["mask"]["size"] == [322, 322]
        for line in app.buffers():
            assert line["mask"]["frame"][0] == line["width"]
        assert masks_are_of_their_own_pictures(app)


def test_nothing_of_a_pipeline_is_left_when_it_ends(served: GStreamer) -> None:
    """Except for the request pad: PyGObject keeps a reference to what `request_new_pad` returns."""
    done = served.launch(
        "videotestsrc num-buffers=30 ! video/x-raw,format=RGB ! edgeseg name=s ! queue"
        " ! edgesegoverlay ! fakesink  s.mask ! queue ! fakesink",
        GST_TRACERS="leaks",
        GST_DEBUG="GST_TRACER:7",
        GST_DEBUG_NO_COLOR="1",
    )
    assert done.returncode == 0
    alive = re.findall(
        r"object-alive, type-name=\(string\)(\w+).*description=(.*?), ref", done.stderr
    )
    assert [(kind, "mask" in text) for kind, text in alive] == [("GstPad", True)]


def test_latency_of_the_pipeline_has_the_time_that_pictures_may_wait(served: GStreamer) -> None:
    with served.app(f"{CAMERA} ! edgeseg latency=1234 ! appsink name=out") as app:
        app.until_buffer(masked=True)
        shortest = app.tell("latency")["latency"]
        assert 1_234_000_000 <= shortest < 1_400_000_000
