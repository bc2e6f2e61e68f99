"""Releases of models, signed with real keys, and a web server that has them."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from edgesegd.rollout.making import make_manifest
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE
from support.model_folder import add_version


def openssl(*words: str | Path) -> None:
    """Run openssl, or skip the test where there is none."""
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl signs releases: apt install openssl")
    subprocess.run([found, *map(str, words)], check=True, capture_output=True, timeout=60)


class Signer:
    """A key of Ed25519 in `folder`; `public` is what boards get."""

    def __init__(self, folder: Path, name: str = "release-key") -> None:
        self.private, self.public = folder / f"{name}.pem", folder / f"{name}.pub"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.private)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def sign(self, release: Path) -> None:
        """Sign the manifest in this folder."""
        words = ("pkeyutl", "-sign", "-rawin", "-inkey", self.private)
        openssl(*words, "-in", release / MANIFEST, "-out", release / SIGNATURE)


class Publisher:
    """Makes releases in `folder`, each signed with `signer`."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder = folder
        self.signer = signer
        folder.mkdir()

    def publish(
        self,
        versions: dict[str, int],
        *,
        serial: int | None = None,
        percent: float = 100,
        release: str = "",
        make: Callable[[Path], Path] | None = None,
    ) -> Path:
        """A release of these versions of models; `make` makes the files of new ones."""
        for name, version in versions.items():
            if not (self.folder / name / str(version)).is_dir():
                add_version(self.folder, name, version, make=make)
        self.sign_anew(serial=serial, percent=percent, release=release)
        return self.folder

    def sign_anew(
        self, *, serial: int | None = None, percent: float = 100, release: str = ""
    ) -> None:
        """Make and sign a manifest of what is in the folder."""
        data = make_manifest(self.folder, serial=serial, percent=percent, release=release)
        (self.folder / MANIFEST).write_bytes(data)
        self.signer.sign(self.folder)

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what the manifest says, and sign that."""
        path = self.folder / MANIFEST
        document = json.loads(path.read_bytes())
        change(document)
        path.write_text(json.dumps(document))
        self.signer.sign(self.folder)


def edgesegd_models(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """`edgesegd models` as it is typed."""
    command = [sys.executable, "-m", "edgesegd", "models", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class Handler(SimpleHTTPRequestHandler):
    """Answers a request with a file, or with one of `answers`."""

    answers: ClassVar[dict[str, Callable[[Handler], object]]] = {}

    def do_GET(self) -> None:
        """Answer."""
        if answer := self.answers.get(self.path):
            answer(self)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def redirect(self, target: str) -> None:
        """Send the client elsewhere."""
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def begin(self, length: int | None) -> None:
        """Send the headers of an answer of that many bytes."""
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def web_server(
    folder: Path,
    answers: dict[str, Callable[[Handler], object]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """A server of this folder, whose address is the value; `answers` are others, by their path."""
    kind = type("OwnHandler", (Handler,), {"answers": {} if answers is None else answers})
    handler = partial(kind, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
