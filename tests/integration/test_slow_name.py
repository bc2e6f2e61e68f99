"""A daemon whose address is a name, where the name server does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

SLOW = """
import socket, sys, threading
def wait_for_ever(*arguments, **keywords):
    print("asked", flush=True)
    threading.Event().wait()
if "serve" in sys.orig_argv:
    socket.getaddrinfo = wait_for_ever
"""
"""A sitecustomize.py: as if the C library waited for a name server."""


def test_a_stop_does_not_wait_for_a_name_server(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    flags = ("--listen=slow.example:8460", "--listen-wait=300", "--metrics-listen=", "--insecure")
    with subprocess.Popen(
        [sys.executable, "-m", "edgesegd", "serve", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "EDGESEG_TOKENS": "none"},
    ) as daemon:
        assert daemon.stdout is not None
        try:
            while line := daemon.stdout.readline():
                if line == "asked\n":
                    break
            assert line
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
        finally:
            daemon.kill()
