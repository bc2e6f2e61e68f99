"""`edgesegd serve --view`: the page beside the daemon, for a first look."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment
from support.processes import WatchedProcess
from support.running_daemon import RunningDaemon

pytest.importorskip("aiohttp", reason="the page needs aiohttp: pip install 'edgeseg[view]'")

SECONDS = 30.0


def line_of(running: RunningDaemon, words: str) -> str:
    """The first line of output with these words."""
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        for line in running.output:
            if words in line:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line with {words!r} in {running.output}")


def page_of(running: RunningDaemon) -> str:
    return line_of(running, "view on ").split()[-1]


def view_process(running: RunningDaemon) -> int:
    """The process id of the page's process."""
    for pid in running.engines():
        if b"edgeseg_client" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("there is no such process")


def test_the_page_shows_a_source_that_the_daemon_segments(tmp_path: Path, jpeg: bytes) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "scene.jpg").write_bytes(jpeg)
    flags = (f"--view=porch={photos}", "--view-listen=127.0.0.1:0", f"--data-dir={tmp_path}/data")
    with RunningDaemon(*flags) as running:
        page = page_of(running)
        with urllib.request.urlopen(f"{page}snapshot.jpg?source=porch", timeout=30) as answer:
            assert answer.read(3) == b"\xff\xd8\xff"
        assert running.metric("edgeseg_frames_total", outcome="ok") >= 1
        pid = view_process(running)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SECONDS) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not [line for line in running.output if "WARNING" in line], running.output


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "unix://{}/edgeseg.sock"])
def test_the_page_finds_the_daemon_wherever_it_listens(tmp_path: Path, listen: str) -> None:
    command = [sys.executable, "-m", "edgesegd", "serve", "--metrics-listen=", "--view"]
    command += [f"--listen={listen.format(tmp_path)}", "--insecure", "--view-listen=127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            page = next(line for line in running.stdout if line.startswith("view on ")).split()[-1]
            with urllib.request.urlopen(page, timeout=30) as answer:
                assert b"edgeseg view" in answer.read()
        finally:
            running.terminate()
    assert running.returncode == 0


def test_the_token_of_a_page_for_other_machines_is_in_a_file_and_not_in_the_journal(
    tmp_path: Path,
) -> None:
    tokens = set()
    for _ in range(2):
        with RunningDaemon(
            "--view", "--view-listen=0.0.0.0:0", "--insecure", f"--data-dir={tmp_path}"
        ) as running:
            line = line_of(running, "view on ")
            address, _, hint = line.partition("view on ")[2].partition(", ")
            assert hint.strip() == f"with the token in {tmp_path / 'view-token'}"
            token = (tmp_path / "view-token").read_text().strip()
            tokens.add(token)
            assert (tmp_path / "view-token").stat().st_mode & 0o777 == 0o600
            port = int(address.rstrip("/").rpartition(":")[2])
            script = f"http://127.0.0.1:{port}/page/main.js"
            with urllib.request.urlopen(f"{script}?token={token}", timeout=30) as answer:
                assert answer.status == 200
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(script, timeout=30)
            refused.value.close()
            assert not [one for one in running.output if token in one]
    assert len(tokens) == 1, "it is kept"
    assert len(token) >= 32


async def test_the_page_ends_with_a_daemon_that_is_killed() -> None:
    with RunningDaemon("--view", "--view-listen=127.0.0.1:0") as running:
        page_of(running)
        with WatchedProcess(view_process(running)) as page:
            running.process.kill()
            await page.ended()


async def test_a_page_that_ends_is_logged_and_the_daemon_goes_on(jpeg: bytes) -> None:
    with RunningDaemon("--view", "--view-listen=127.0.0.1:0") as running:
        page_of(running)
        os.kill(view_process(running), signal.SIGKILL)
        line = await asyncio.to_thread(line_of, running, "the view has ended")
        assert "SIGKILL" in line
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK


def test_a_page_that_cannot_start_says_why_and_the_daemon_serves() -> None:
    with RunningDaemon("--view", "nothing.mp4", "--view-listen=127.0.0.1:0") as running:
        assert "there is no nothing.mp4" in line_of(running, "view: ")
        assert "status 2" in line_of(running, "the view has ended")
        assert running.process.poll() is None
