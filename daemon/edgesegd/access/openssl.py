"""Makes a small certificate authority and its certificates, with the system's `openssl`."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from edgesegd.access.openssl_command import OpensslFailed, run_openssl
from edgesegd.core.errors import ConfigError
from edgesegd.files.owner_only import owner_only

AUTHORITY_DAYS: Final = 3650
NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
"""A key of the curve that every TLS library has; RFC 8446 asks for it."""
MAX_NAME: Final = 64
"""Characters of a common name (RFC 5280, ub-common-name)."""

CONFIGURATION: Final = """
[req]
distinguished_name = subject
prompt = no
string_mask = utf8only
[subject]
CN = {name}
[extensions]
subjectKeyIdentifier = hash
basicConstraints = critical, {constraints}
keyUsage = critical, {usage}
{more}
"""


class Authority:
    """A certificate authority in `folder`: `ca.pem`, and its key `ca-key.pem`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca-key.pem"

    @property
    def exists(self) -> bool:
        """Whether it was made before; raises ConfigError if a part of it is not here."""
        here = [path for path in (self.certificate, self._key) if path.exists()]
        if len(here) == 1:
            missing = ({self.certificate, self._key} - set(here)).pop()
            raise ConfigError(
                f"{here[0]} is here, but not {missing}: bring it back, or remove both for a new "
                "authority, which no client knows"
            )
        return bool(here)

    def make(self, name: str) -> None:
        """Make the authority; raises ConfigError."""
        constraints, usage = "CA:TRUE, pathlen:0", "keyCertSign, cRLSign"
        with (
            owner_only(),
            _configuration(name, constraints, usage) as file,
            tempfile.TemporaryDirectory(dir=self.folder) as made,
        ):
            key, certificate = Path(made, "key.pem"), Path(made, "certificate.pem")
            _openssl(
                *("req", "-x509", *NEW_KEY, "-config", file, "-extensions", "extensions"),
                *("-days", str(AUTHORITY_DAYS), "-keyout", key, "-out", certificate),
            )
            certificate.chmod(0o644)
            key.replace(self._key)
            certificate.replace(self.certificate)

    def issue(
        self, stem: str, name: str, usage: str, days: int, alternatives: Iterable[str] = ()
    ) -> tuple[Path, Path]:
        """Make `STEM.pem` and `STEM-key.pem`, replacing those that there are.

        `usage` is serverAuth or clientAuth. `alternatives` are names and addresses. Whoever could
        read the old key can read the new one. Raises ConfigError, and OSError for the files.
        """
        certificate, key = self.folder / f"{stem}.pem", self.folder / f"{stem}-key.pem"
        more = f"extendedKeyUsage = {usage}\nauthorityKeyIdentifier = keyid"
        if listed := ", ".join(_alternative(each) for each in alternatives):
            more += f"\nsubjectAltName = {listed}"
        with (
            owner_only(),
            _configuration(name, "CA:FALSE", "digitalSignature", more) as file,
            tempfile.TemporaryDirectory(dir=self.folder) as made,
        ):
            new = [Path(made, part) for part in ("request.pem", "key.pem", "certificate.pem")]
            request, new_key, new_certificate = new
            _openssl("req", "-new", *NEW_KEY, "-config", file, "-keyout", new_key, "-out", request)
            _openssl(
                *("x509", "-req", "-in", request, "-out", new_certificate),
                *("-CA", self.certificate, "-CAkey", self._key, "-sha256", "-days", str(days)),
                *("-set_serial", str(secrets.randbits(127)), "-extfile", file),
                *("-extensions", "extensions"),
            )
            new_certificate.chmod(0o644)
            _give_to_readers_of(key, new_key)
            # A daemon that reads between these two goes on with what it has.
            new_key.replace(key)
            new_certificate.replace(certificate)
        return certificate, key


def _give_to_readers_of(old: Path, new: Path) -> None:
    """Give a new file the owner and the mode of the old one, if there is one; raises OSError.

    Else a daemon of another user than the caller could not read the key of a new certificate.
    """
    if not old.exists():
        return
    before = old.stat()
    opened = os.open(new, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(opened, before.st_uid, before.st_gid)
        os.fchmod(opened, stat.S_IMODE(before.st_mode))
    finally:
        os.close(opened)


def _alternative(name: str) -> str:
    """A name or an address as openssl takes it; raises ConfigError for what is neither."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        if not name or not all(each.isalnum() or each in ".-_*" for each in name):
            raise ConfigError(f"{name!r} is no name and no address of a machine") from None
        return f"DNS:{name}"
    if "%" in str(address):
        raise ConfigError(
            f"{name!r} is an address on one interface, which no certificate can have; name another"
        )
    return f"IP:{address}"


@contextlib.contextmanager
def _configuration(name: str, constraints: str, usage: str, more: str = "") -> Iterator[str]:
    """A file with what a certificate says."""
    text = CONFIGURATION.format(
        name=name[:MAX_NAME], constraints=constraints, usage=usage, more=more
    )
    with tempfile.NamedTemporaryFile("w", suffix=".cnf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield file.name


def _openssl(*arguments: str | Path) -> None:
    """Run `openssl`; raises ConfigError with what it says if it fails."""
    try:
        run_openssl(*arguments)
    except OpensslFailed as error:
        raise ConfigError(f"openssl {arguments[0]} failed: {error}") from None
