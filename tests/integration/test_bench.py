"""`edgesegd bench` measures a real daemon; nothing is asserted of how fast it is."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.pictures import file_of, gradient


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgesegd", "bench", "--rounds=1", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is leased on Linux only")
def test_bench_measures_every_figure(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(file_of(gradient(640, 360), "JPEG"))
    done = bench("--json", f"--image={picture}", "--threads=1")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == 3
    assert report["board"]["threads"] == 1
    assert report["board"]["cores"] >= 1
    assert "picture.jpg" in report["board"]["inputs"]
    figures = report["figures"]
    assert len(figures) == 20
    for figure in figures:
        assert 0 <= figure["low"] <= figure["median"] <= figure["high"], figure
    assert all(figure["median"] > 0 for figure in figures if figure["name"] != "  queued")
    assert {figure["unit"] for figure in figures} == {"", "ms", "frames/s", "s", "MB"}
    whole, *stages = [figure["median"] for figure in figures if figure["unit"] == "ms"]
    assert sum(stages) == pytest.approx(whole, rel=0.5)
    assert report["verdict"].startswith(f"{whole:.1f} ms a frame, ")
    assert "4 in flight: " in report["verdict"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_bench_ended_by_a_signal_ends_its_daemon_and_exits_with_128_plus_n(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "edgesegd", "bench"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        process = psutil.Process(running.pid)
        started: list[psutil.Process] = []
        give_up = time.monotonic() + 30
        try:
            while not (started := process.children(recursive=True)):
                assert time.monotonic() < give_up
                time.sleep(0.05)
            running.send_signal(number)
            assert running.wait(timeout=30) == 128 + number
            _, left = psutil.wait_procs(started, timeout=10)
            assert not left
        finally:
            for each in (process, *started):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def test_bench_names_a_wrong_option_without_a_traceback() -> None:
    done = bench("--rounds=0")
    assert done.returncode == 2
    assert "--rounds: at least 1, not 0" in done.stderr
    done = bench("--threads=1000")
    assert (done.returncode, done.stderr) == (
        3,
        "edgesegd: threads is at most 256, not 1000\n",
    )
    done = bench("--model=nowhere.tflite")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    done = bench("--image=nowhere.jpg")
    assert "Traceback" not in done.stderr
    assert "nowhere.jpg" in done.stderr
