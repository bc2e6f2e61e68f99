"""The daemon's certificate, its key, and the certificates that its clients must have been given."""

from __future__ import annotations

import contextlib
import logging
import math
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.files.watch import FileWatch

log = logging.getLogger(__name__)

MAX_FILE: Final = 1 << 20
HANDSHAKE_TURNS: Final = 8
EXPIRED: Final = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL's x509_vfy.h."""


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

    `context` is for servers of Python's `ssl`. The certificate `expires` at that time, in seconds
    since 1970.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext
    expires: float


class Certificates:
    """The certificates in `files`, which may be replaced at any time.

    What does not fit together, as in the middle of a replacement, or has expired, is not used, and
    is tried again. Threads may share it. Raises ConfigError if the first ones cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._lock = threading.Lock()
        self._watch = FileWatch(files.all())
        with contextlib.suppress(OSError):  # reading says why
            self._watch.is_due()
        self._loaded = _load(files)
        self._watch.read()
        if self._loaded.expires < time.time():
            log.warning("%s has expired, or the clock is wrong", files.certificate)

    @property
    def expires(self) -> float:
        """When the certificate in force expires, in seconds since 1970."""
        return self.current().expires

    def current(self) -> Loaded:
        """Those that are in force now; files that have changed are read again."""
        with self._lock:
            try:
                if self._watch.is_due():
                    self._read()
            except (OSError, ConfigError) as error:
                if self._watch.failed():
                    log.warning("the certificate stays as it was: %s", error)
            return self._loaded

    def _read(self) -> None:
        loaded = _load(self.files)
        if loaded.expires < time.time():
            raise ConfigError(f"the new one in {self.files.certificate} has expired")
        self._loaded = loaded
        self._watch.read()
        log.info("the certificate in %s has changed", self.files.certificate)


def _load(files: TlsFiles) -> Loaded:
    """Read the files; raises ConfigError if they are not what they should be."""
    read = {}
    for path in files.all():
        try:
            read[path] = read_regular_file(path, MAX_FILE)
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {say_why(error)}") from None
    context = _context(files)
    return Loaded(
        read[files.certificate],
        read[files.key],
        None if files.client_ca is None else read[files.client_ca],
        context,
        _expires(context, files.certificate),
    )


def _expires(server: ssl.SSLContext, certificate: Path) -> float:
    """When a certificate expires, in seconds since 1970: a client within this process asks for it.

    Python has no other way to read one.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(theirs, ours, server_side=True)
    asking = client.wrap_bio(ours, theirs)
    for side in (asking, serving) * HANDSHAKE_TURNS:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            return 0.0 if error.verify_code == EXPIRED else math.inf
        except ssl.SSLError:  # the client has no certificate, which comes after the server's
            break
    with contextlib.suppress(ValueError):  # no handshake was possible
        found = asking.getpeercert()
        if found:
            return float(ssl.cert_time_to_seconds(str(found["notAfter"])))
    return math.inf


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
