"""Where releases come from, and what is refused of it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, DownloadFailed, ReleaseRefused
from edgesegd.rollout.fetching import fetch_manifest, fetch_models
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE, ReleasedFile, ReleasedModel
from edgesegd.rollout.signature import read_key
from edgesegd.rollout.source import Source, open_source
from edgesegd.rollout.version_folders import VersionFolders
from support.releases import Handler, Signer, openssl, web_server

CONTENT = bytes(range(256)) * 4096
FILE = ReleasedFile("model.tflite", len(CONTENT), sha256(CONTENT).hexdigest())
MODEL = ReleasedModel("rooms", 4, (FILE,))
PATH = "/rooms/4/model.tflite"


def source_at(address: str | Path, *, authority: Path | None = None, seconds: float = 60) -> Source:
    return open_source(str(address), authority=authority, seconds=seconds)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    place = tmp_path / "release" / PATH.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    return tmp_path / "release"


@pytest.fixture
def folders(tmp_path: Path) -> VersionFolders:
    (tmp_path / "served").mkdir()
    made = VersionFolders(tmp_path / "served")
    made.make_own()
    return made


def fetch(source: Source, folders: VersionFolders) -> bytes:
    fetch_models(source, [MODEL], folders)
    return (folders.building_place(MODEL) / FILE.name).read_bytes()


def left(folders: VersionFolders) -> list[Path]:
    return [path for path in folders.folder.rglob("*") if path.is_file()]


def test_files_come_from_a_folder_or_a_server(release: Path, folders: VersionFolders) -> None:
    told: list[tuple[int, int]] = []
    assert fetch(source_at(release), folders) == CONTENT
    folders.clear()
    with web_server(release) as address:
        source = source_at(f"{address}/")
        fetch_models(source, [MODEL], folders, lambda done, total: told.append((done, total)))
    assert (folders.building_place(MODEL) / FILE.name).read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert (folders.building_place(MODEL) / FILE.name).stat().st_mode & 0o777 == 0o644


def test_what_has_arrived_is_not_fetched_again(release: Path, folders: VersionFolders) -> None:
    fetch(source_at(release), folders)
    (release / PATH.lstrip("/")).unlink()
    assert fetch(source_at(release), folders) == CONTENT
    (folders.building_place(MODEL) / FILE.name).write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DownloadFailed, match="No such file"):
        fetch(source_at(release), folders)


def send(content: bytes, handler: Handler) -> None:
    handler.begin(len(content))
    handler.wfile.write(content)


def cut_off(handler: Handler) -> None:
    handler.begin(len(CONTENT))
    handler.wfile.write(CONTENT[:1000])
    handler.close_connection = True


def longer(handler: Handler) -> None:
    handler.begin(None)
    try:
        while True:
            handler.wfile.write(CONTENT)
    except OSError:
        handler.close_connection = True


def slow(handler: Handler, piece: bytes) -> None:
    try:
        for _ in range(100):
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True


def slow_content(handler: Handler) -> None:
    handler.begin(len(CONTENT))
    slow(handler, CONTENT[:1])


def slow_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    slow(handler, b"a")


def slow_chunks(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    slow(handler, b"a")


def silent(handler: Handler) -> None:
    handler.begin(len(CONTENT))
    handler.connection.settimeout(10)
    handler.rfile.read(1)
    handler.close_connection = True


def escape(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda handler: handler.send_error(404), "answers 404"),
        (lambda handler: handler.send_error(500), "answers 500"),
        (escape, "answers 404 [31mred"),
        (cut_off, f"ended after 1000 of {len(CONTENT)} bytes"),
        (longer, f"it is longer than {len(CONTENT)} bytes"),
        (slow_content, "has not arrived within 1 s"),
        (slow_headers, "has not arrived within 1 s"),
        (slow_chunks, "has not arrived within 1 s"),
        (silent, "has not arrived within 1 s"),
        (partial(send, b"other"), "ended after 5 of"),
        (partial(send, bytes(len(CONTENT))), "its SHA-256 is"),
        (lambda handler: handler.redirect(PATH), "redirect"),
    ],
)
def test_a_file_that_does_not_arrive_as_it_should_leaves_nothing(
    release: Path,
    folders: VersionFolders,
    answer: Callable[[Handler], object],
    complaint: str,
) -> None:
    with web_server(release, {PATH: answer}) as address:
        with pytest.raises(DownloadFailed) as caught:
            fetch(source_at(address, seconds=1), folders)
        assert complaint in str(caught.value)
        assert f"{address}{PATH}" in str(caught.value)
    assert not left(folders)


def test_a_redirect_to_another_place_is_followed_but_not_to_another_scheme(
    release: Path, folders: VersionFolders
) -> None:
    answers: dict[str, Callable[[Handler], object]] = {
        PATH: lambda handler: handler.redirect("/elsewhere"),
        "/elsewhere": partial(send, CONTENT),
    }
    with web_server(release, answers) as address:
        assert fetch(source_at(address), folders) == CONTENT
        folders.clear()
        for target in ("https://127.0.0.1:1/x", "file:///etc/passwd", "ftp://127.0.0.1/x"):
            answers["/elsewhere"] = partial(Handler.redirect, target=target)
            with pytest.raises(DownloadFailed, match=r"not followed|not allowed"):
                fetch(source_at(address), folders)
    assert not left(folders)


def test_a_server_that_cannot_be_reached_is_said(folders: VersionFolders) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DownloadFailed, match=r"cannot be reached .*; without a network, give"):
            fetch(source_at(f"http://127.0.0.1:{port}"), folders)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://127.0.0.1/x",
        "ftp://user:secret@127.0.0.1/x",
        "file:///etc",
        "http://",
        "https://user:secret@host/x",
        "https://user:secret@host:99999/x",
        "https://user:secret/@host/x",
        "https://user:secret@[::1/x",
        "https://host/x?key=1",
        "https://host/x#1",
        "https://[::1/x",
        "https://127.0.0.1:99999/x",
        "https://127.0.0.1/a release",
        "https://127.0.0.1/stra\u00dfen",
        "https://127.0.0.1/\udcff",
    ],
)
def test_what_is_no_address_of_a_folder_is_an_error_without_its_secrets(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source_at(address)
    assert "secret" not in str(caught.value)


def test_links_and_devices_in_a_folder_are_not_read(
    tmp_path: Path, release: Path, folders: VersionFolders
) -> None:
    place = release / PATH.lstrip("/")
    aside = place.rename(tmp_path / "aside")
    place.symlink_to(aside)
    with pytest.raises(DownloadFailed, match="cannot be read: it is a link, and links are not"):
        fetch(source_at(release), folders)
    place.unlink()
    with pytest.raises(DownloadFailed, match=r"cannot be read: No such file or directory$"):
        fetch(source_at(release), folders)
    os.mkfifo(place)
    with pytest.raises(DownloadFailed, match="not a regular file"):
        fetch(source_at(release), folders)
    place.unlink()
    place.mkdir()
    with pytest.raises(DownloadFailed, match=r"Is a directory|not a regular file"):
        fetch(source_at(release), folders)
    with pytest.raises(DownloadFailed, match="cannot be opened: No such file"):
        source_at(release / "nowhere")
    with pytest.raises(DownloadFailed, match="cannot be opened: Not a directory"):
        source_at(aside)


def test_folders_of_a_release_that_are_links_are_not_followed(
    tmp_path: Path, release: Path, folders: VersionFolders
) -> None:
    for folder in (release / PATH.lstrip("/")).parents[:2]:
        aside = folder.rename(tmp_path / f"aside {folder.name}")
        folder.symlink_to(aside)
        with pytest.raises(DownloadFailed, match=f"{folder.name} is not a folder, and links are"):
            fetch(source_at(release), folders)
        folder.unlink()
        aside.rename(folder)
    folder.chmod(0o111)  # it may be entered, but not listed
    fetch(source_at(release), folders)


def test_a_release_that_needs_more_room_than_there_is_is_not_begun(
    release: Path, folders: VersionFolders
) -> None:
    huge = ReleasedModel("rooms", 4, (ReleasedFile("model.tflite", 1 << 60, FILE.sha256),))
    with pytest.raises(DownloadFailed, match="MiB free, and the release needs"):
        fetch_models(source_at(release), [huge], folders)


def test_an_unsigned_release_does_not_come_over_plain_http(release: Path) -> None:
    with web_server(release) as address, pytest.raises(ConfigError, match="use https://"):
        fetch_manifest(source_at(address), [])


def test_a_manifest_or_a_signature_that_is_too_large_is_not_read(
    tmp_path: Path, release: Path
) -> None:
    key = read_key(Signer(tmp_path).public)
    (release / MANIFEST).write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(ReleaseRefused, match="is larger than 1024 KiB"):
        fetch_manifest(source_at(release), [key])
    (release / MANIFEST).write_bytes(b"{}")
    (release / SIGNATURE).write_bytes(bytes((4 << 10) + 1))
    with pytest.raises(ReleaseRefused, match="is larger than 4 KiB"):
        fetch_manifest(source_at(release), [key])
    (release / SIGNATURE).unlink()
    with pytest.raises(DownloadFailed, match="No such file"):
        fetch_manifest(source_at(release), [key])


def test_a_server_with_tls_needs_a_certificate_that_is_trusted(
    tmp_path: Path, release: Path, folders: VersionFolders
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", key, "-out", certificate, "-days", "2"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answers = {"/away": lambda handler: handler.redirect("http://127.0.0.1:1/x")}
    with web_server(release, answers, context) as address:
        with pytest.raises(DownloadFailed, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(source_at(address), folders)
        assert fetch(source_at(address, authority=certificate), folders) == CONTENT
        source = source_at(address, authority=certificate)
        with pytest.raises(DownloadFailed, match="leads from https:// to http://"):
            list(source.read("away"))
    with pytest.raises(ConfigError, match=r"--ca .* cannot be read"):
        source_at("https://127.0.0.1/x", authority=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"--ca .* cannot be read"):
        source_at("https://127.0.0.1/x", authority=release / PATH.lstrip("/"))
