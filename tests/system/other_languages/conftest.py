"""A daemon, clients in other languages, and files to segment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scenes import draw_scene
from support.other_clients import OtherClient, cpp_client, node_client
from support.pictures import file_of
from support.running_daemon import Launch, RunningDaemon

CPP = pytest.param("cpp", marks=[pytest.mark.slow, pytest.mark.timeout(600)])
"""It is built first, which takes half a minute and more."""


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "grpc.sock"


@pytest.fixture(scope="module")
def daemon(socket_path: Path) -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu", f"--listen=unix://{socket_path}") as daemon:
        yield daemon


@pytest.fixture
def launch() -> Iterator[Launch]:
    with contextlib.ExitStack() as daemons:
        yield lambda *flags: daemons.enter_context(RunningDaemon("--delegate=cpu", *flags))


@pytest.fixture(scope="module", params=["node", CPP])
def client(request: pytest.FixtureRequest) -> OtherClient:
    """A client that streams."""
    return node_client("stream") if request.param == "node" else cpp_client()


@pytest.fixture(scope="module")
def cpp() -> OtherClient:
    return cpp_client()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scenes that the built-in model knows; of several sizes, one of them turned by its EXIF."""
    folder = tmp_path_factory.mktemp("pictures")
    scenes = [Image.fromarray(draw_scene(seed).image) for seed in range(4)]
    turned = Image.Exif()
    turned[0x0112] = 6
    contents = [
        file_of(scenes[0], "JPEG", quality=92),
        file_of(scenes[1].resize((1001, 333)), "PNG"),
        file_of(scenes[2], "JPEG", quality=80, exif=turned),
        file_of(scenes[3].resize((97, 301)), "WEBP", lossless=True),
    ]
    files = [folder / f"scene {number}" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("broken") / "broken.jpg"
    file.write_bytes(b"no picture")
    return file
