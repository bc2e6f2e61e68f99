"""Fetching files over real HTTP, and what is left when that fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgesegd.core.errors import DownloadFailed, ModelMissing
from edgesegd.models.catalogue.pull import Pulled, fetch, pull
from edgesegd.models.published import Download, downloads

CONTENT = bytes(range(256)) * 1024


class Mirror(BaseHTTPRequestHandler):
    """Serves the content whole, and under other names as bad servers would."""

    released = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        match self.path:
            case "/wrong":
                self.wfile.write(bytes(len(CONTENT)))
            case "/aborted":
                self.wfile.write(CONTENT[:1000])
            case "/stalled":
                self.wfile.write(CONTENT[:100_000])
                self.released.wait()
            case "/endless":
                self._write_until_the_client_leaves()
            case _:
                self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def _write_until_the_client_leaves(self) -> None:
        try:
            while True:
                self.wfile.write(CONTENT)
        except OSError:
            self.close_connection = True


@pytest.fixture
def mirror() -> Iterator[str]:
    Mirror.released.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Mirror.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def wanted(mirror: str) -> Download:
    return Download(
        name="rooms",
        title="Rooms",
        url=f"{mirror}/whole",
        size=len(CONTENT),
        sha256=sha256(CONTENT).hexdigest(),
        license="CC0-1.0",
    )


def test_a_download_arrives_and_reports_its_progress(tmp_path: Path, wanted: Download) -> None:
    path = tmp_path / "new" / "rooms.tflite"
    told: list[tuple[int, int]] = []
    pulled = fetch(wanted, path, progress=lambda done, total: told.append((done, total)))
    assert pulled == Pulled(path, is_new=True)
    assert path.read_bytes() == CONTENT
    assert [each.name for each in path.parent.iterdir()] == ["rooms.tflite"]
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_model_that_is_there_is_not_downloaded_again(tmp_path: Path, wanted: Download) -> None:
    path = tmp_path / "rooms.tflite"
    path.write_bytes(CONTENT)
    assert fetch(wanted, path, source="http://127.0.0.1:1/") == Pulled(path, is_new=False)


def test_a_damaged_model_is_downloaded_again(tmp_path: Path, wanted: Download) -> None:
    path = tmp_path / "rooms.tflite"
    path.write_bytes(CONTENT[:-1])
    assert fetch(wanted, path).is_new
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("missing", "answers 404 Not Found"),
        (
            "wrong",
            "SHA-256 is 8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90, but",
        ),
        ("aborted", f"ended after 1000 of {len(CONTENT)} bytes"),
        ("stalled", "has sent nothing for 0.2 s"),
        ("endless", f"longer than {len(CONTENT)} bytes"),
    ],
)
def test_a_failed_download_leaves_no_file(
    tmp_path: Path, wanted: Download, mirror: str, page: str, sentence: str
) -> None:
    path = tmp_path / "rooms.tflite"
    with pytest.raises(DownloadFailed) as caught:
        fetch(wanted, path, source=f"{mirror}/{page}", timeout_s=0.2)
    assert sentence in str(caught.value)
    assert f"{mirror}/{page}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert fetch(wanted, path, source=f"{mirror}/moved").is_new


def test_a_wrong_download_does_not_replace_the_file_that_is_there(
    tmp_path: Path, wanted: Download, mirror: str
) -> None:
    path = tmp_path / "rooms.tflite"
    path.write_bytes(b"older")
    with pytest.raises(DownloadFailed):
        fetch(wanted, path, source=f"{mirror}/wrong")
    assert path.read_bytes() == b"older"


def test_a_model_may_come_from_a_path(tmp_path: Path, wanted: Download) -> None:
    source = tmp_path / "stick" / "copy"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    path = tmp_path / "rooms.tflite"
    assert fetch(wanted, path, source=str(source)).is_new
    source.write_bytes(CONTENT + b"!")
    path.unlink()
    with pytest.raises(DownloadFailed, match="longer"):
        fetch(wanted, path, source=str(source))


def test_a_source_that_cannot_be_read_is_a_failed_download(
    tmp_path: Path, wanted: Download
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed_port = unused.getsockname()[1]
        for source, sentence in (
            (f"http://127.0.0.1:{closed_port}/", "give it with --from PATH"),
            ("ftp://127.0.0.1/x", "neither an http address nor a path"),
            (f"{tmp_path}/missing", "No such file"),
            (str(tmp_path), "Is a directory"),
            ("http://127.0.0.1:port/", "cannot be read"),
            ("x\0y", "cannot be read"),
        ):
            with pytest.raises(DownloadFailed, match=sentence):
                fetch(wanted, tmp_path / "models" / "rooms.tflite", source=source)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_download_to_a_folder_that_cannot_be_written_names_the_variable(
    tmp_path: Path, wanted: Download
) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(DownloadFailed, match="EDGESEG_DATA_DIR"):
        fetch(wanted, tmp_path / "models" / "rooms.tflite")


def test_pulling_an_unknown_model_shows_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="did you mean deeplabv3"):
        pull("deeplab", tmp_path)
    with pytest.raises(ModelMissing, match="there are: deeplabv3"):
        pull("zzz", tmp_path)


@pytest.mark.realmodel
def test_the_published_deeplab_is_kept_under_its_name(tmp_path: Path, shared_dir: Path) -> None:
    source = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    pulled = pull("deeplabv3", tmp_path, source=str(source))
    assert pulled == Pulled(tmp_path / "models" / "deeplabv3.tflite", is_new=True)
    assert pulled.path.stat().st_size == downloads()["deeplabv3"].size
