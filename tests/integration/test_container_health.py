"""The check of a container's health, against a real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.access import CertificateFolder, add_token
from support.running_daemon import RunningDaemon

CHECK = Path(__file__).parents[2] / "deploy/container_health.py"


@pytest.fixture
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as daemon:
        yield daemon


def check(listen: str, **options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(CHECK)],
        env={**os.environ, "EDGESEG_LISTEN": listen, **options},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_daemon_that_serves_is_healthy_and_one_that_has_ended_is_not(
    daemon: RunningDaemon,
) -> None:
    port = daemon.address.rpartition(":")[2]
    for listen in (daemon.address, f"0.0.0.0:{port}", f"{daemon.address}, unix:///run/x"):
        assert check(listen) == (0, "SERVING\n")
    daemon.stop()
    status, output = check(daemon.address)
    assert status == 1
    assert output.startswith(f"{daemon.address}: UNAVAILABLE: ")


def test_with_tls_the_handshake_is_looked_at(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates: apt install openssl")
    certificates = CertificateFolder.make(tmp_path, "robot")
    option = {"EDGESEG_TLS_CERT": str(certificates["server.pem"])}
    with RunningDaemon("--delegate=cpu", *certificates.flags) as daemon:
        assert check(daemon.address, **option) == (0, "the front answers over TLS\n")
    status, _ = check(daemon.address, **option)
    assert status == 1


def test_a_daemon_whose_health_needs_a_token_is_healthy_while_it_answers(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    add_token(tokens, "robot")
    with RunningDaemon("--delegate=cpu", f"--tokens={tokens}", "--public=none") as daemon:
        assert check(daemon.address) == (0, "the front answers, and wants a token\n")
    status, _ = check(daemon.address)
    assert status == 1
