"""An error that keeps the daemon from starting is one line, with an exit status of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(__file__).with_name("data")


def serve(*flags: str) -> tuple[int, str]:
    """The exit status and what stood on stderr."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "edgesegd",
            "serve",
            "--listen=127.0.0.1:0",
            "--metrics-listen=",
            *flags,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def assert_one_line(stderr: str, *parts: str) -> None:
    assert stderr.startswith("edgesegd: ")
    assert stderr.count("\n") == 1, stderr
    for part in parts:
        assert part in stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_serve_exits_with_4_when_its_port_is_in_use(taken_port: int) -> None:
    status, stderr = serve(f"--listen=127.0.0.1:{taken_port}")
    assert status == 4
    assert_one_line(stderr, f"127.0.0.1:{taken_port}", "--listen")


def test_serve_exits_with_4_when_its_metrics_port_is_in_use(taken_port: int) -> None:
    status, stderr = serve(f"--metrics-listen=127.0.0.1:{taken_port}")
    assert status == 4
    assert_one_line(stderr, f"127.0.0.1:{taken_port}", "--metrics-listen")


def test_serve_exits_with_3_for_a_malformed_address() -> None:
    status, stderr = serve("--listen=nowhere")
    assert status == 3
    assert_one_line(stderr, "HOST:PORT")


def test_serve_exits_with_5_when_its_model_file_is_missing(tmp_path: Path) -> None:
    status, stderr = serve(f"--model={tmp_path}/none.tflite")
    assert status == 5
    assert_one_line(stderr, "none.tflite")


def test_serve_exits_with_5_for_an_unknown_model_name() -> None:
    status, stderr = serve("--model=deeplabv4")
    assert status == 5
    assert_one_line(stderr, "deeplabv4", "deeplabv3")


@pytest.mark.parametrize("keep", [0, 7, 1000, 0.5, 0.99, -1])
def test_serve_exits_with_6_for_a_truncated_model(tmp_path: Path, keep: float) -> None:
    from edgesegd.models.catalogue.store import resolve_model

    whole = resolve_model("builtin", tmp_path).read_bytes()
    length = int(keep * len(whole)) if isinstance(keep, float) else keep
    model = tmp_path / "half.tflite"
    model.write_bytes(whole[:length])
    status, stderr = serve(f"--model={model}")
    assert status == 6
    assert_one_line(stderr, "half.tflite")


def test_serve_exits_with_6_for_a_file_that_is_no_model(tmp_path: Path) -> None:
    model = tmp_path / "page.tflite"
    model.write_text("<!DOCTYPE html><title>404 Not Found</title>")
    status, stderr = serve(f"--model={model}")
    assert status == 6
    assert_one_line(stderr, "page.tflite")


def test_serve_exits_with_3_for_an_unknown_key_in_its_config_file(tmp_path: Path) -> None:
    config = tmp_path / "edgesegd.toml"
    config.write_text('modell = "builtin"\n')
    status, stderr = serve(f"--config={config}")
    assert status == 3
    assert_one_line(stderr, "'modell'", "did you mean 'model'")


def test_serve_exits_with_3_for_an_option_that_is_no_number() -> None:
    status, stderr = serve("--threads=many")
    assert status == 3
    assert_one_line(stderr, "--threads", "many")


@pytest.mark.realmodel
@pytest.mark.runtime
def test_serve_exits_with_7_for_a_compiled_model_without_its_twin(
    shared_dir: Path, tmp_path: Path
) -> None:
    name = "deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite"
    shutil.copy(shared_dir / "models" / name, tmp_path)
    status, stderr = serve(f"--model={tmp_path / name}")
    assert status == 7
    assert_one_line(stderr, "compiled for an Edge TPU", "pair = {")


@pytest.mark.runtime
def test_serve_exits_with_7_for_a_custom_op_that_the_runtime_lacks(tmp_path: Path) -> None:
    for file in DATA.glob("sum_edgetpu.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes().replace(b"edgetpu-", b"ownmade-"))
    status, stderr = serve(f"--model={tmp_path}/sum_edgetpu.tflite")
    assert status == 7
    assert_one_line(stderr, "ownmade-custom-op")


def test_serve_exits_with_8_for_a_runtime_that_is_not_installed() -> None:
    try:
        import tflite_runtime  # noqa: F401

        absent = "ai-edge-litert"
    except ImportError:
        absent = "tflite-runtime"
    status, stderr = serve(f"--runtime={absent}")
    assert status == 8
    assert_one_line(stderr, absent, "pip install")
