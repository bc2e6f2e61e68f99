"""A real nginx as a proxy before a daemon."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

STOP_SECONDS = 30.0

_CONFIG = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size {limit};
  server {{
    listen {address} {tls}http2;
    {certificate}
    location / {{
      {check}
      grpc_pass grpc://{daemon};
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate for localhost, signed by itself, and of its key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """A new certificate in `folder`; skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing; on Debian: apt install openssl")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-out", made.certificate, "-keyout", made.key)
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files],
        check=True,
        capture_output=True,
    )
    return made


class RunningNginx:
    """Passes calls at `address` on to `daemon`, HOST:PORT; its files are in `folder`.

    `limit` is its client_max_body_size, in which nginx counts all frames of a stream; 0 is none.
    With a `certificate` it speaks TLS, with a `token` it answers 401 to calls without it.
    Skips the test where there is no nginx.
    """

    def __init__(
        self,
        folder: Path,
        daemon: str,
        limit: str,
        *,
        certificate: Certificate | None = None,
        token: str = "",
    ) -> None:
        # Debian has it where only root's PATH leads.
        self._program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if self._program is None:
            pytest.skip("nginx is missing; on Debian: apt install nginx-light")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._folder = folder
        self._log = folder / "nginx.log"
        files = certificate and (
            f"ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key};"
        )
        check = f'if ($http_authorization != "Bearer {token}") {{ return 401; }}'
        (folder / "nginx.conf").write_text(
            _CONFIG.format(
                limit=limit,
                address=self.address,
                daemon=daemon,
                tls="ssl " if files else "",
                certificate=files or "",
                check=check if token else "",
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it; a client that tries again reaches it when it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-p", str(self._folder), "-c", "nginx.conf", "-e", "stderr"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Ends it at once, with every connection."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(STOP_SECONDS) == 0, self._log.read_text()
            self._process = None
