"""A socket that the daemon has not created yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from edgeseg.v1.segmentation_pb2_grpc import add_SegmentationServiceServicer_to_server
from edgeseg_client import Client, Unavailable

from .scripted_daemon import GOOD, Script


@pytest.fixture
def server() -> Iterator[grpc.Server]:
    server = grpc.server(ThreadPoolExecutor(4))
    add_SegmentationServiceServicer_to_server(Script(), server)
    yield server
    server.stop(None).wait()


def test_a_socket_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    with Client(f"unix://{tmp_path}/grpc.sock", retry_for=0.2) as client:
        with pytest.raises(Unavailable, match="there is no socket"):
            client.segment(GOOD)
        with pytest.raises(Unavailable, match="there is no socket"):
            list(client.stream([GOOD]))


@pytest.mark.parametrize("folder", [".", "later"])
def test_a_client_may_start_before_the_daemon_that_makes_its_socket(
    server: grpc.Server, tmp_path: Path, folder: str
) -> None:
    path = tmp_path / folder / "grpc.sock"

    def start() -> None:
        path.parent.mkdir(exist_ok=True)
        server.add_insecure_port(f"unix:{path}")
        server.start()

    with Client(f"unix://{path}") as client:
        timer = threading.Timer(0.5, start)
        timer.start()
        assert client.segment(GOOD).model == "toy"
        timer.join()
