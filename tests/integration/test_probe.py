"""`edgesegd probe` and forced delegates, with a delegate compiled from C."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.board.threads import thread_cap
from edgesegd.engine.runtimes.runtime import COMPILING, load_runtime
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime


def edgesegd(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgesegd", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def probe(*delegates: str, timeout: int = 30) -> dict[str, dict[str, Any]]:
    """Findings by the options of our delegate, or by name; the CPU has one thread."""
    done = edgesegd(
        "probe",
        "--json",
        "--threads=1",
        f"--timeout={timeout}",
        *(f"--delegate={text}" for text in delegates),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == 4
    assert report["model"]["name"] == "scenes"
    return {
        ",".join(f"{key}={value}" for key, value in finding["delegate"]["options"].items())
        if finding["delegate"]["name"] == "fake_delegate"
        else finding["delegate"]["name"]: finding
        for finding in report["findings"]
    }


REFUSED = {
    "claim=none": ("failed", "takes 0 of 44 ops of scenes"),
    "mode=null": ("failed", "gave no reason"),
    "mode=null_message": ("failed", "finds no device"),
    "mode=tea": ("failed", "refuses to start"),
    "mode=error,at=prepare": ("failed", "refuses scenes"),
    "mode=error,at=invoke": ("failed", "invoke failed"),
    "mode=segv,at=create": ("failed", "crashed: SIGSEGV in create"),
    "mode=segv,at=prepare": ("failed", "crashed: SIGSEGV in prepare"),
    "mode=ill,at=create": (
        "failed",
        "crashed: SIGILL (this processor lacks an instruction that it used) in create",
    ),
    "mode=abort,at=invoke": ("failed", "crashed: SIGABRT in invoke"),
    "mode=segv,at=destroy": ("failed", "crashed: SIGSEGV in destroy"),
    "mode=exit,at=create": ("failed", "exited with status 7 in create"),
    "mode=signal,at=create": ("failed", "crashed: signal 40 in create"),
    "mode=orphan,at=prepare": ("failed", "crashed: SIGSEGV in prepare"),
    "mode=flood,at=create,claim=none": ("failed", "takes 0 of 44 ops"),
    "mode=garbage": ("wrong", "% of pixels, 99% needed"),
    "mode=zeros": ("wrong", "% of pixels, 99% needed"),
    "mode=nan": ("wrong", "outputs values that are not finite"),
}


@pytest.mark.slow
def test_probe_says_why_each_delegate_is_not_used(fake_delegate: Path) -> None:
    found = probe(*(f"{fake_delegate}:{options}" for options in REFUSED))
    refusals = {
        options: (found[options]["verdict"], found[options]["reason"]) for options in REFUSED
    }
    for options, (verdict, reason) in REFUSED.items():
        assert refusals[options][0] == verdict, (options, refusals[options])
        assert reason in refusals[options][1], (options, refusals[options])
    assert found["cpu"]["verdict"] == "chosen"
    assert found["edgetpu"]["reason"].startswith("runs only models compiled for it")
    assert (found["armnn"]["verdict"], found["armnn"]["reason"]) == (
        "absent",
        "library not found: libarmnnDelegate.so",
    )
    assert found["vx"]["reason"] == "no device: /dev/galcore"


@pytest.mark.parametrize("at", [pytest.param("create", marks=pytest.mark.slow), "invoke"])
def test_probe_ends_a_delegate_that_hangs(fake_delegate: Path, at: str) -> None:
    found = probe(f"{fake_delegate}:mode=hang,at={at}", timeout=6)
    assert found[f"mode=hang,at={at}"]["reason"] == f"no answer in 6 s, in {at}"


def test_probe_measures_a_delegate_that_is_right(fake_delegate: Path) -> None:
    found = probe(f"{fake_delegate}:claim=add")["claim=add"]
    assert found["verdict"] in ("slower", "chosen")
    measured = found["measured"]
    assert (measured["delegated"], measured["operators"]) == (5, 44)
    assert measured["agreement"] > 0.999
    assert measured["largest_difference"] < 0.01
    assert 0 < measured["seconds_p10"] <= measured["seconds_p50"] <= measured["seconds_p90"]
    assert measured["memory"] > 10_000_000


@pytest.mark.slow
def test_probe_does_not_choose_a_slow_delegate(fake_delegate: Path) -> None:
    found = probe(f"{fake_delegate}:mode=slow,ms=40")
    assert found["cpu"]["verdict"] == "chosen"
    assert found["mode=slow,ms=40"]["verdict"] == "slower"
    assert "times as long as cpu with 1 thread" in found["mode=slow,ms=40"]["reason"]


@pytest.mark.slow
def test_probe_tries_the_cpu_with_each_number_of_threads(fake_delegate: Path) -> None:
    done = edgesegd("probe", "--json", f"--delegate={fake_delegate}:claim=add")
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)["findings"]
    on_cpu = [each for each in findings if each["delegate"]["name"] == "cpu"]
    cap = thread_cap(on_cpu[0]["measured"]["runtime"])
    assert [each["threads"] for each in on_cpu] == list(range(1, cap + 1))
    assert findings[:cap] == on_cpu
    for each in on_cpu:
        assert each["measured"]["threads"] == each["threads"]
        assert each["verdict"] in ("chosen", "slower"), each["reason"]
        assert each["measured"]["agreement"] > 0.999
    accelerator = findings[-1]
    assert accelerator["measured"]["threads"] == accelerator["threads"]
    assert accelerator["threads"] in range(1, cap + 1)
    best = [each for each in on_cpu if each["threads"] == accelerator["threads"]]
    assert best[0]["verdict"] == "chosen" or "fake_delegate" in best[0]["reason"]


def test_probe_prints_a_table(fake_delegate: Path) -> None:
    done = edgesegd("probe", f"--delegate={fake_delegate}:mode=garbage")
    assert done.returncode == 0
    assert "fake_delegate (mode=garbage)" in done.stdout
    assert "cpu, 1 thread" in done.stdout
    assert "the fastest of those that agree" in done.stdout


async def test_a_forced_delegate_serves(fake_delegate: Path, jpeg: bytes) -> None:
    with RunningDaemon(f"--delegate={fake_delegate}:claim=add") as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 3)])
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert answers[0].segmentation.delegate == "fake_delegate"
        assert running.metric("edgeseg_delegate_info", delegate="fake_delegate") == 1
        assert any("fake_delegate (5 of 44 ops)" in line for line in running.output)
    with RunningDaemon() as plain:
        by_cpu = await segment(plain.address, [every(), *frames([jpeg])])
    assert answers[0].segmentation.labels == by_cpu[0].segmentation.labels


@pytest.mark.parametrize(
    ("delegate", "reason"),
    [
        (":claim=none", "takes 0 of 44 ops"),
        (":mode=null_message", "finds no device"),
        (":mode=error,at=prepare", "refuses scenes"),
        (":mode=segv,at=create", "fake_delegate ended its engine: killed by SIGSEGV"),
        (":mode=abort,at=invoke", "fake_delegate ended its engine: killed by SIGABRT"),
    ],
)
def test_serve_exits_with_11_for_a_forced_delegate_that_fails(
    fake_delegate: Path, delegate: str, reason: str
) -> None:
    done = edgesegd(
        "serve",
        "--listen=127.0.0.1:0",
        "--metrics-listen=",
        f"--delegate={fake_delegate}{delegate}",
    )
    assert (done.returncode, done.stderr.count("\n")) == (11, 1)
    assert reason in done.stderr


def test_a_path_for_gpus_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    """As that of ai-edge-litert beside numpy 1.24, which ml_dtypes is too new for."""
    if load_runtime("auto").name != COMPILING:
        pytest.skip(f"{COMPILING} has a path for GPUs")
    (tmp_path / "ml_dtypes.py").write_text("import numpy\nnumpy.no_such_part\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    probed = edgesegd("probe", "--json", "--threads=1", "--delegate=gpu", PYTHONPATH=path)
    (finding,) = [
        each for each in json.loads(probed.stdout)["findings"] if each["delegate"]["name"] == "gpu"
    ]
    assert finding["verdict"] == "failed"
    for text in ("cannot load its path for GPUs with numpy ", "no_such_part"):
        assert text in finding["reason"]
    flags = ("--listen=127.0.0.1:0", "--metrics-listen=", "--delegate=gpu")
    served = edgesegd("serve", *flags, PYTHONPATH=path)
    assert (served.returncode, served.stderr.count("\n")) == (11, 1)
    assert "cannot load its path for GPUs with numpy " in served.stderr


def test_serve_exits_with_12_without_the_library_of_a_forced_delegate() -> None:
    done = edgesegd("serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--delegate=edgetpu")
    assert done.returncode == 12
    assert "library not found: libedgetpu.so.1" in done.stderr


@pytest.mark.slow
async def test_what_a_probe_remembers_a_daemon_starts_with_until_it_is_forgotten(
    tmp_path: Path, jpeg: bytes
) -> None:
    folder = f"--data-dir={tmp_path}"
    done = edgesegd("probe", "--json", "--remember", folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    chosen = [each for each in report["findings"] if each["verdict"] == "chosen"]
    (state,) = (tmp_path / "state").iterdir()
    assert json.loads(state.read_text())["ranking"][0]["threads"] == chosen[0]["threads"]
    assert json.loads(state.read_text())["disturbed"] == report["disturbed"]
    with RunningDaemon(folder) as running:
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK
        assert not any("probing" in line for line in running.output)
    assert edgesegd("probe", "--forget", folder).stdout == f"deleted: {state}\n"
    assert edgesegd("probe", "--forget", folder).stdout.startswith("there is nothing to delete")
    with RunningDaemon(folder) as running:
        async with asyncio.timeout(30):
            while not any("probing" in line for line in running.output):
                await asyncio.sleep(0.02)


def test_what_no_daemon_would_choose_among_is_not_remembered(fake_delegate: Path) -> None:
    done = edgesegd("probe", "--remember", f"--delegate={fake_delegate}:claim=add")
    assert done.returncode == 3
    assert "add delegates with --candidates" in done.stderr
