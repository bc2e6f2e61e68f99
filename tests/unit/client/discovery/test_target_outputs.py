"""Targets for Prometheus: over HTTP, and in a file."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from edgeseg_client.discovery.target_file import publish_file
from edgeseg_client.discovery.target_server import TargetServer


def get(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.status, page.headers["Content-Type"], page.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_targets_are_served_once_they_are_known(host: str) -> None:
    with TargetServer(host, 0) as server:
        assert get(f"http://{server.address}/")[0] == 503
        server.publish(b"[]\n")
        assert get(f"http://{server.address}/") == (200, "application/json", b"[]\n")
        server.publish(b"[1]\n")
        assert get(f"http://{server.address}/?x=1")[2] == b"[1]\n"
        assert get(f"http://{server.address}/metrics")[0] == 404


def test_a_port_in_use_is_an_error() -> None:
    with TargetServer("127.0.0.1", 0) as server, pytest.raises(OSError, match="in use"):
        TargetServer("127.0.0.1", int(server.address.rpartition(":")[2]))


def test_the_file_is_replaced_only_by_other_targets(tmp_path: Path) -> None:
    path = tmp_path / "edgeseg.json"
    publish_file(path, b"[]\n")
    first = path.stat()
    assert first.st_mode & 0o777 == 0o644
    publish_file(path, b"[]\n")
    assert path.stat().st_ino == first.st_ino
    publish_file(path, b"[1]\n")
    assert path.read_bytes() == b"[1]\n"
    assert path.stat().st_ino != first.st_ino
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        publish_file(tmp_path / "gone" / "edgeseg.json", b"[]\n")
