"""Whatever the standard streams are, and whatever files are called, work is done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.models.catalogue.store import resolve_model
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon

STREAMS = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1")
NOT_UTF_8 = os.fsdecode(b"r\xe4ume")


def shell(
    command: str, redirections: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """`edgesegd COMMAND` as a shell runs it."""
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m edgesegd {command} {redirections}"],
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(tmp_path: Path, redirections: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A daemon on a socket, run by a shell; the pipes are its streams where not redirected."""
    address = f"unix://{tmp_path}/grpc.sock"
    command = (
        f"{sys.executable} -m edgesegd serve --listen={address} --metrics-listen= --control=none"
    )
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command} {redirections}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process, address
        finally:
            process.kill()


@pytest.mark.parametrize("redirections", STREAMS)
async def test_a_daemon_serves_whatever_its_streams_are(
    tmp_path: Path, redirections: str, jpeg: bytes
) -> None:
    with serving(tmp_path, redirections) as (process, address):
        async with stub(address) as service:
            await service.GetServerInfo(pb.GetServerInfoRequest(), wait_for_ready=True, timeout=30)
        answers = await segment(address, [every(), *frames([jpeg] * 3)])
        assert [answer.status for answer in answers.values()] == [pb.FRAME_STATUS_OK] * 3
        for number in range(3):
            file = Path(f"/proc/{process.pid}/fd/{number}").readlink()
            assert str(file).startswith(("/", "pipe:")), "no socket of the daemon's"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in out + err
    assert err.count(b"cannot write to stdout") == (redirections == ">/dev/full")


def test_a_daemon_whose_stdout_is_read_no_more_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, "") as (process, _):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert any(b"cannot write to stdout (Broken pipe)" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("redirections", STREAMS)
@pytest.mark.parametrize(("command", "status"), [("config", 0), ("--help", 0), ("config -x", 2)])
def test_a_command_ends_in_order_whatever_its_streams_are(
    command: str, status: int, redirections: str
) -> None:
    done = shell(command, redirections)
    lost = redirections.startswith(">/dev/full") and status == 0
    assert done.returncode == (1 if lost else status)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    if redirections == ">/dev/full" and lost:
        assert done.stderr.splitlines()[-1] == (
            b"edgesegd: the output cannot be written: No space left on device"
        )


@pytest.mark.parametrize("redirections", STREAMS)
def test_an_error_keeps_its_status_whatever_the_streams_are(redirections: str) -> None:
    assert shell("serve --threads=-1", redirections).returncode == 3


@pytest.mark.realmodel
@pytest.mark.parametrize("redirections", STREAMS)
def test_a_model_is_pulled_whatever_the_streams_are(
    tmp_path: Path, shared_dir: Path, redirections: str
) -> None:
    source = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    shell(f"models pull deeplabv3 --from {source} --data-dir {tmp_path}", redirections)
    assert (tmp_path / "models" / "deeplabv3.tflite").stat().st_size == source.stat().st_size


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("command", ["--help", "serve --help", "probe --help", "config"])
def test_what_an_encoding_lacks_is_escaped(command: str, environment: dict[str, str]) -> None:
    done = shell(command, **environment)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_a_variable_for_other_programs_does_not_change_the_metrics(
    tmp_path: Path, name: str
) -> None:
    with RunningDaemon(env={name: str(tmp_path)}) as running:
        assert running.metric("edgeseg_engine_ready") == 1
        assert running.metric("edgeseg_engine_process_resident_memory_bytes") > 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def odd_model(tmp_path: Path) -> Path:
    """A model in a data folder, and neither of the names is UTF-8."""
    models = tmp_path / NOT_UTF_8 / "models"
    models.mkdir(parents=True)
    for file in resolve_model("builtin", tmp_path).parent.glob("scenes.t*"):
        shutil.copy(file, models / f"{NOT_UTF_8}{file.suffix}")
    return models / f"{NOT_UTF_8}.tflite"


@pytest.mark.runtime
async def test_names_that_are_not_utf_8_are_served(odd_model: Path, jpeg: bytes) -> None:
    """The path is used as it is, and printed as text."""
    folder = odd_model.parents[1]
    with RunningDaemon(f"--data-dir={folder}", f"--model={NOT_UTF_8}") as running:
        async with stub(running.address) as service:
            info = await service.GetServerInfo(pb.GetServerInfoRequest())
        assert info.models[0].name == r"r\xe4ume"
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK
        assert answers[0].segmentation.model == r"r\xe4ume"
        with urllib.request.urlopen(running.metrics_url, timeout=10) as page:
            assert re.search(rb'edgeseg_model_info{.*model="r\\\\xe4ume"', page.read())


@pytest.mark.runtime
def test_a_name_that_is_not_utf_8_is_printed_as_text(odd_model: Path) -> None:
    done = shell(f"models info --json {shlex.quote(str(odd_model))}")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["name"] == r"r\xe4ume"
    assert facts["path"] == str(odd_model)
    done = shell(f"models list --data-dir {shlex.quote(str(odd_model.parents[1]))}")
    assert (done.returncode, done.stderr) == (0, b"")
    done = shell(f"probe --threads=1 --json --model {shlex.quote(str(odd_model))}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["name"] == r"r\xe4ume"
