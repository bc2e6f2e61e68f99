"""Tokens and certificates as an operator makes them, with the shipped commands."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc

from edgeseg_client import tls_credentials


def edgesegd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the daemon's program."""
    return subprocess.run(
        [sys.executable, "-m", "edgesegd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def add_token(file: Path, name: str, *arguments: str) -> str:
    """The text of a new token in `file`."""
    done = edgesegd("tokens", "add", name, "--tokens", file, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class CertificateFolder:
    """A folder that `edgesegd tls` has filled."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *clients: str) -> CertificateFolder:
        """An authority, a certificate for this machine, and those of `clients`."""
        made = cls(folder)
        made.renew()
        for client in clients:
            done = edgesegd("tls", "client", client, "--folder", folder)
            assert done.returncode == 0, done.stderr
        return made

    def renew(self) -> None:
        """A new certificate of the same authority."""
        names = ("--name", "localhost", "--name", "127.0.0.1")
        done = edgesegd("tls", "init", "--folder", self.folder, *names)
        assert done.returncode == 0, done.stderr

    @property
    def flags(self) -> tuple[str, str]:
        """The daemon's."""
        return f"--tls-cert={self['server.pem']}", f"--tls-key={self['server-key.pem']}"

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def credentials(self, client: str = "") -> grpc.ChannelCredentials:
        """A client's; with its own certificate if `client` names one."""
        if not client:
            return tls_credentials(self["ca.pem"])
        return tls_credentials(
            self["ca.pem"], cert=self[f"{client}.pem"], key=self[f"{client}-key.pem"]
        )
