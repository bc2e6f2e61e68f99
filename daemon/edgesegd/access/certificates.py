"""The daemon's certificate, its key, and the certificates that its clients must have been given."""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why

log = logging.getLogger(__name__)

LARGEST_FILE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM format; `client_ca` is None if clients need no certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def all(self) -> tuple[Path, ...]:
        """Those that there are."""
        given = (self.certificate, self.key, self.client_ca)
        return tuple(path for path in given if path is not None)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files held when it was checked; `client_ca` is None as in `TlsFiles`.

    `context` is for servers of Python's `ssl`.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


class Certificates:
    """The certificates in `files`, which may be replaced at any time.

    What does not fit together, as in the middle of a replacement, is not used. Threads may share
    it. Raises ConfigError if the first ones cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._loaded = _load(files)

    def current(self) -> Loaded:
        """Those that are in force now; files that have changed are read again."""
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp  # what cannot be used is reported once
                try:
                    self._loaded = _load(self._files)
                except ConfigError as error:
                    log.warning("the certificate stays as it was: %s", error)
                else:
                    log.info("the certificate in %s is in force", self._files.certificate)
            return self._loaded

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in self._files.all():
            try:
                status = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)


def _load(files: TlsFiles) -> Loaded:
    """Read the files; raises ConfigError if they are not what they should be."""
    read = {}
    for path in files.all():
        try:
            read[path] = read_regular_file(path, LARGEST_FILE)
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {say_why(error)}") from None
    return Loaded(
        read[files.certificate],
        read[files.key],
        None if files.client_ca is None else read[files.client_ca],
        _context(files),
    )


def _context(files: TlsFiles) -> ssl.SSLContext:
    """A server's context; raises ConfigError if certificate and key do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{files.certificate} and {files.key} are not a certificate and its key, in PEM format "
            f"and without a password ({error.reason or error}); `edgesegd tls init` makes them"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {files.certificate} or {files.key}: {say_why(error)}"
        ) from None
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except ssl.SSLError:
            raise ConfigError(
                f"{files.client_ca} has no certificates in PEM format; `edgesegd tls init` makes "
                "an authority for clients"
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot read {files.client_ca}: {say_why(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    """Else OpenSSL would ask at the terminal."""
    return ""
