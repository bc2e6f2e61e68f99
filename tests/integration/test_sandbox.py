"""The engines of a real daemon are in their sandbox, and serve in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseg_client import Client, RawImage
from edgeseg_client.frame import ImageLike
from edgesegd.bench.launch import OPEN
from edgesegd.cli.exit_codes import EXIT_CODES
from edgesegd.control.client import give_order
from edgesegd.control.messages import Order
from edgesegd.core.errors import SandboxMissing
from edgesegd.sandbox.kernel import landlock_version
from support.landlock import (
    NEEDS_LANDLOCK,
    NEEDS_NAMESPACES,
    NEEDS_SECCOMP,
    WITHOUT_BOTH,
    WITHOUT_LANDLOCK,
)
from support.model_folder import add_version
from support.pictures import file_of, gradient
from support.running_daemon import Launch, RunningDaemon

pytestmark = [pytest.mark.runtime, NEEDS_SECCOMP]

PICTURE = gradient(320, 240)
PIXELS = np.asarray(PICTURE)
FRAMES: list[ImageLike] = [
    file_of(PICTURE, "JPEG"),
    file_of(PICTURE, "PNG"),
    file_of(PICTURE, "WEBP"),
    RawImage(PIXELS.tobytes(), "bgr", 320, 240),
    PIXELS,
]

INTRUDER = """
import sys
if "edgesegd.engine" in sys.orig_argv:
    import os
    from pathlib import Path
    from edgesegd.engine import pipeline
    from edgesegd.sandbox import attempts

    targets = attempts.Targets(Path(os.environ["INTRUDERS_FOLDER"]))
    decode = pipeline.FramePipeline.decode_frame

    def intrude(*arguments):
        pipeline.FramePipeline.decode_frame = decode
        for outcome in map(lambda each: attempts.outcome_of(*each), attempts.attempts(targets)):
            print("attempt:", outcome.refused, outcome.attempt, file=sys.stderr, flush=True)
        return decode(*arguments)

    pipeline.FramePipeline.decode_frame = intrude
"""
"""A sitecustomize.py: when an engine decodes its first frame, other code runs in it, as by a fault
of a decoder."""


def of_engines(code: str) -> str:
    """Code for a sitecustomize.py that runs at the start of each engine."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    return f'\nif "edgesegd.engine" in sys.orig_argv:\n    pass\n{lines}\n'


def rights(process: int | None) -> tuple[str, str]:
    """What the kernel says about a process: NoNewPrivs, Seccomp."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return status["NoNewPrivs"], status["Seccomp"]


def assert_in_sandbox(running: RunningDaemon) -> None:
    assert rights(running.engine_pid) == ("1", "2")


def told(running: RunningDaemon) -> list[str]:
    """What the daemon logged about the sandbox."""
    return [line.partition("sandbox_log: ")[2] for line in running.output if "sandbox_log" in line]


def test_all_kinds_of_frames_are_served_in_the_sandbox_and_after_an_engine_was_killed(
    tmp_path: Path, launch: Launch
) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    running = launch(f"--listen={address}", "--delegate=cpu", "--optimize=latency")
    (line,) = told(running)
    assert line.startswith("the sandbox of engines: profile cpu: ")
    assert line.endswith("seccomp, no new privileges")
    assert ("Landlock (ABI" in line) == (landlock_version() > 0)
    assert_in_sandbox(running)
    with Client(address) as plain, Client(address, shared_memory=True) as sharing:
        expected = [plain.segment(frame).labels.tobytes() for frame in FRAMES]
        assert [sharing.segment(frame).labels.tobytes() for frame in FRAMES] == expected
        assert running.metric("edgeseg_shared_memory_bytes") > 0
        first = running.engine_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert [plain.segment(frame).labels.tobytes() for frame in FRAMES] == expected
        assert [sharing.segment(frame).labels.tobytes() for frame in FRAMES] == expected
        assert running.engine_pid != first
    assert_in_sandbox(running)
    assert told(running) == [line], "the same sandbox is reported once"


@NEEDS_NAMESPACES
def test_without_landlock_all_kinds_of_frames_are_served_in_a_file_system_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n" + of_engines(WITHOUT_LANDLOCK), encoding="utf-8"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    address = f"unix://{tmp_path}/grpc.sock"
    flags = (f"--listen={address}", "--delegate=cpu", "--sandbox=require")
    with (
        RunningDaemon(*flags, env={"PYTHONPATH": path}) as running,
        RunningDaemon("--delegate=cpu") as other,
        Client(other.address) as plain,
        Client(address, shared_memory=True) as sharing,
    ):
        assert told(running)[0].startswith("the sandbox of engines: profile cpu: a file system of")
        expected = [plain.segment(frame).labels.tobytes() for frame in FRAMES]
        assert [sharing.segment(frame).labels.tobytes() for frame in FRAMES] == expected
        first = running.engine_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert [sharing.segment(frame).labels.tobytes() for frame in FRAMES] == expected


async def test_a_new_version_is_loaded_in_the_sandbox(tmp_path: Path, launch: Launch) -> None:
    models, control = tmp_path / "models", tmp_path / "control.sock"
    add_version(models, "sums", 1)
    running = launch(f"--models={models}", f"--control={control}", "--delegate=cpu")
    first = running.engine_pid
    add_version(models, "sums", 2)
    (state,) = await asyncio.to_thread(give_order, control, Order("reload", ""))
    assert (state.name, state.version) == ("sums", "2")
    with Client(running.address) as client:
        assert client.segment(PIXELS).model_version == "2"
    async with asyncio.timeout(20):
        while running.engine_pid == first:
            await asyncio.sleep(0.05)
    assert_in_sandbox(running)


@pytest.mark.parametrize(
    "kernel",
    [
        pytest.param("", id="Landlock", marks=NEEDS_LANDLOCK),
        pytest.param(WITHOUT_LANDLOCK, id="namespaces", marks=NEEDS_NAMESPACES),
    ],
)
@pytest.mark.parametrize("profile", ["cpu", "driver"])
def test_code_that_runs_in_an_engine_reaches_nothing(
    profile: str, kernel: str, fake_delegate: Path, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "sitecustomize.py").write_text(INTRUDER + of_engines(kernel), encoding="utf-8")
    data = tmp_path / "data"
    data.mkdir()
    (data / "tokens.json").write_text("{}", encoding="utf-8")
    env = {
        "PYTHONPATH": os.pathsep.join([str(code), os.environ.get("PYTHONPATH", "")]),
        "INTRUDERS_FOLDER": str(data),
    }
    delegate = "cpu" if profile == "cpu" else f"{fake_delegate}:claim=add"
    flags = (f"--data-dir={data}", f"--delegate={delegate}", "--sandbox=require")
    with RunningDaemon(*flags, env=env) as running, Client(running.address) as client:
        result = client.segment(PIXELS)
        assert client.segment(PIXELS).labels.tobytes() == result.labels.tobytes()
        assert result.delegate == ("cpu" if profile == "cpu" else "fake_delegate")
        files = "a file system of its own" if kernel else "Landlock"
        assert told(running)[0].startswith(f"the sandbox of engines: profile {profile}: {files}")
        engine = running.engine_pid
        assert running.stop() == 0, "nobody killed it"
    marked = [line.partition("attempt: ")[2] for line in running.output]
    outcomes = dict(line.partition(" ")[::-2] for line in marked if line)
    assert len(outcomes) >= 12, running.output
    assert engine is not None
    assert "False" not in outcomes.values(), outcomes
    for attempt in (
        "open a socket to a network",
        "read /etc/shadow",
        "read a file in the data folder",
        "write a file in the data folder",
        "write a file that it was given to read",
        "run a program",
        "trace the daemon",
        "send the daemon a signal",
    ):
        assert outcomes[attempt] == "True", outcomes


def test_the_intruder_does_what_it_wants_without_a_sandbox(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    (tmp_path / "sitecustomize.py").write_text(INTRUDER, encoding="utf-8")
    (tmp_path / "tokens.json").write_text("{}", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    env = {"PYTHONPATH": path, "INTRUDERS_FOLDER": str(tmp_path)}
    flags = ("--delegate=cpu", "--sandbox=off")
    with RunningDaemon(*flags, env=env) as running, Client(running.address) as client:
        client.segment(PIXELS)
        # Those of this process may be restricted already, as in a container.
        assert rights(running.engine_pid) == rights(running.process.pid) == rights(os.getpid())
        assert told(running) == ["the sandbox of engines: off"]
    assert any("attempt: False read a file in the data folder" in line for line in running.output)
    assert any("attempt: False open a socket to a network" in line for line in running.output)


def run_without(what: str, *arguments: str) -> list[str]:
    """The command of `edgesegd`, in a process in which the kernel lacks something."""
    command = "[sys.executable, '-m', 'edgesegd', *sys.argv[1:]]"
    become = f"import os, sys\nos.execv(sys.executable, {command})"
    return [sys.executable, "-c", f"{what}\n{become}", *arguments]


def test_a_daemon_that_requires_the_sandbox_does_not_start_without_a_part_of_it() -> None:
    serve = ("serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--delegate=cpu", *OPEN)
    command = run_without(WITHOUT_BOTH, *serve, "--sandbox=require")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == EXIT_CODES[SandboxMissing]
    last = done.stderr.splitlines()[-1]
    assert last.startswith("edgesegd: sandbox is require, and a part of it is missing: Landlock: ")
    assert "listening" not in done.stdout


def test_what_is_missing_is_a_warning_and_the_daemon_serves() -> None:
    serve = ("serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--delegate=cpu", *OPEN)
    with subprocess.Popen(
        run_without(WITHOUT_BOTH, *serve), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        try:
            with Client(address) as client:
                assert client.segment(PIXELS).labels.size
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=60)
    lines = [line for line in errors.splitlines() if "sandbox_log" in line]
    assert len(lines) == 2
    assert "profile cpu: seccomp, no new privileges" in lines[0]
    assert " WARNING " in lines[1]
    assert "a part of the sandbox of engines is missing: Landlock: this kernel has none" in lines[1]


@NEEDS_LANDLOCK
def test_info_shows_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "edgesegd", "info", "--security", f"--data-dir={tmp_path}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"Landlock: ABI {landlock_version()}" in shown.stdout
    assert "possible" not in shown.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert found["kernel"]["landlock"] == landlock_version()
    assert len(found["driver"]["attempts"]) == len(found["cpu"]["attempts"]) >= 12
    assert found["cpu"]["report"]["profile"] == "cpu"
    off = subprocess.run([*command, "--sandbox=off"], capture_output=True, text=True, check=False)
    assert off.returncode == 1
    assert "possible" in off.stdout


@NEEDS_LANDLOCK
@pytest.mark.parametrize("option", ["--tls-key", "--tokens"])
def test_info_says_which_private_file_an_engine_can_read(tmp_path: Path, option: str) -> None:
    readable = f"{sys.prefix}/pyvenv.cfg"  # any file will do
    command = [sys.executable, "-m", "edgesegd", "info", "--security", f"--data-dir={tmp_path}"]
    done = subprocess.run(
        [*command, f"{option}={readable}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    for profile in ("cpu", "driver"):
        assert f"missing with {profile}: Landlock: {readable} can be read" in done.stdout


def test_info_says_that_a_required_part_is_missing(tmp_path: Path) -> None:
    command = run_without(
        WITHOUT_BOTH, "info", "--security", "--sandbox=require", f"--data-dir={tmp_path}"
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_CODES[SandboxMissing]
    assert done.stderr.startswith("edgesegd: sandbox is require, and a part of it is missing: ")
