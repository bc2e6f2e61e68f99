"""Checks the signature of a manifest, with the system's `openssl`."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.access.openssl_command import OpensslFailed, run_openssl
from edgesegd.core.errors import ConfigError, ReleaseRefused
from edgesegd.files.regular import read_regular_file, say_why

SIGNATURE_BYTES: Final = 64
"""Of Ed25519 (RFC 8032)."""
MAX_KEY_BYTES: Final = 1 << 16
_PEM: Final = re.compile(
    rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----"
)
_ED25519: Final = bytes.fromhex("302a300506032b6570032100")
"""How the public keys of Ed25519 begin in DER (RFC 8410); 32 bytes follow."""
_KEY_BYTES: Final = 44


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of Ed25519, as its file has it."""

    path: Path
    pem: bytes


def read_key(path: Path) -> PublicKey:
    """Read a public key; raises ConfigError if it is not one of Ed25519, in PEM format."""
    try:
        pem = read_regular_file(path, MAX_KEY_BYTES)
    except (OSError, ValueError) as error:
        why = say_why(error) if isinstance(error, OSError) else error
        raise ConfigError(f"the key {path} cannot be read: {why}") from None
    if b"PRIVATE KEY" in pem:
        raise ConfigError(
            f"{path} is a private key, which must not be on a board; make the public one of it: "
            f"openssl pkey -in {path.name} -pubout"
        )
    found = _PEM.search(pem)
    try:
        der = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
    except binascii.Error:
        der = b""
    if len(der) != _KEY_BYTES or not der.startswith(_ED25519):
        raise ConfigError(
            f"{path} is no public key of Ed25519 in PEM format; openssl genpkey -algorithm ed25519 "
            "makes a private one, openssl pkey -pubout the public one of it"
        )
    return PublicKey(path, pem)


def require_signature(manifest: bytes, signature: bytes, keys: Sequence[PublicKey]) -> None:
    """Raise ReleaseRefused unless one of the keys has signed exactly these bytes.

    Raises ConfigError if openssl cannot be run.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise ReleaseRefused(
            f"the signature has {len(signature)} bytes, and one of Ed25519 has {SIGNATURE_BYTES}: "
            "openssl pkeyutl -sign -rawin writes one"
        )
    with tempfile.TemporaryDirectory(prefix="edgesegd-") as folder:
        signed, written, pem = (Path(folder, name) for name in ("manifest", "signature", "key"))
        signed.write_bytes(manifest)
        written.write_bytes(signature)
        reasons = []
        for key in keys:
            pem.write_bytes(key.pem)
            try:
                run_openssl(
                    *("pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin"),
                    *("-in", signed, "-sigfile", written),
                )
            except OpensslFailed as error:
                reasons.append(f"{key.path}: {error}")
            else:
                return
    raise ReleaseRefused(f"the signature is not right for this manifest ({'; '.join(reasons)})")
