"""Tokens by which clients are known, and the file that keeps them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.files.replacing import replacing

INFER, MODELS, METRICS = SCOPES = ("infer", "models", "metrics")
"""What a token may be for: segmenting, loading and unloading models, reading the metrics."""
FILE_NAME: Final = "tokens.json"
"""The file in the data folder, if no other is configured."""
REQUIRED: Final = ".required"
"""Ending of a file beside that of the tokens, which says that tokens are asked for."""
NO_FILE: Final = "none"
"""The path of a daemon that asks for no token."""
SCHEMA: Final = 1
OWNER_ONLY: Final = 0o600
MAX_FILE: Final = 1 << 20
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Of a token, and of a client's certificate."""
IDENTITY: Final = re.compile(r"[0-9a-f]{12}")
TEXT: Final = re.compile(rf"edgeseg_({IDENTITY.pattern})_[0-9a-f]{{64}}")
"""A token: its identity, which is not secret, and 256 random bits."""
SALT, HASH = 16, 32
"""Bytes of each."""
SCRYPT: Final = {"n": 1 << 14, "r": 8, "p": 1}
"""Cost of a hash: 16 MiB and about 50 ms. RFC 7914 has these for interactive use."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: `hash` is of its text, with `salt`; `expires` is seconds since 1970.

    `identity` is the part of the text that is not secret, in hexadecimal digits.
    """

    name: str
    identity: str
    salt: bytes
    hash: bytes
    scopes: tuple[str, ...]
    created: float
    expires: float | None = None

    def matches(self, text: str) -> bool:
        """Whether this is the token with that text; takes about 50 ms."""
        return hmac.compare_digest(_hash(text, self.salt), self.hash)

    def is_expired(self, now: float) -> bool:
        """Whether it is no longer valid at `now`, in seconds since 1970."""
        return self.expires is not None and now >= self.expires


def make_token(
    name: str, scopes: Iterable[str], *, now: float, expires: float | None = None
) -> tuple[Token, str]:
    """A new token and its text, which is kept nowhere; raises ConfigError for a wrong name."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a token: it has 1 to 64 letters, digits, dots, "
            "dashes and underscores"
        )
    identity, salt = secrets.token_hex(6), secrets.token_bytes(SALT)
    text = f"edgeseg_{identity}_{secrets.token_hex(32)}"
    scopes = tuple(scope for scope in SCOPES if scope in set(scopes))
    return Token(name, identity, salt, _hash(text, salt), scopes, now, expires), text


def identity_of(text: str) -> str:
    """The identity in a token's text; empty if the text is no token."""
    found = TEXT.fullmatch(text)
    return found[1] if found else ""


def tokens_path(configured: str, data_dir: str) -> Path | None:
    """The file of tokens of a daemon with these options; None if it asks for no token."""
    if configured == NO_FILE:
        return None
    return Path(configured) if configured else Path(data_dir) / FILE_NAME


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a file; raises ConfigError, and FileNotFoundError if there is none."""
    try:
        table = json.loads(read_regular_file(path, MAX_FILE))
        if table["schema"] != SCHEMA:
            raise ConfigError(
                f"{path} was written by another version of edgesegd (schema {table['schema']!r}); "
                "make the tokens again with `edgesegd tokens add`"
            )
        return tuple(_from_json(each) for each in table["tokens"])
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"cannot read the tokens in {path}: {say_why(error)}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no file of tokens ({type(error).__name__}: {error}); "
            "make one with `edgesegd tokens add`"
        ) from None


def marker_of(path: Path) -> Path:
    """The file that stays if the tokens are lost: then nobody has one, not everybody needs none."""
    return path.with_name(path.name + REQUIRED)


@contextlib.contextmanager
def changing_tokens(path: Path) -> Iterator[list[Token]]:
    """The tokens of a file as a list; what it is at the end of the block replaces them.

    Only its owner can read the file, which is the owner of the old one, or of its folder: a daemon
    of another user than the caller must be able to read it. Programs that change it at the same
    time wait for each other. Raises ConfigError.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens: list[Token] = []
            with contextlib.suppress(FileNotFoundError):
                tokens += read_tokens(path)
            yield tokens
            _write(path, tokens)
        finally:
            os.close(lock)
    except OSError as error:
        raise ConfigError(f"cannot write the tokens to {path}: {say_why(error)}") from None


def _write(path: Path, tokens: Iterable[Token]) -> None:
    """Replace the file; raises OSError, or ConfigError if it would be too large to read."""
    table = {"schema": SCHEMA, "tokens": [_to_json(token) for token in tokens]}
    content = json.dumps(table, indent=2).encode() + b"\n"
    if len(content) > MAX_FILE:
        raise ConfigError(f"{path} has too many tokens; revoke some first")
    owner = (path if path.exists() else path.parent).stat()
    marker = marker_of(path)
    marker.touch(OWNER_ONLY)
    with replacing(path, mode=OWNER_ONLY) as file:
        file.write(content)
        if os.geteuid() != owner.st_uid:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.chown(marker, owner.st_uid, owner.st_gid)


def _hash(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, **SCRYPT, dklen=HASH)


def _to_json(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "identity": token.identity,
        "salt": token.salt.hex(),
        "scrypt": token.hash.hex(),
        "scopes": list(token.scopes),
        "created": date(token.created),
        "expires": None if token.expires is None else date(token.expires),
    }


def _from_json(fields: dict[str, Any]) -> Token:
    expires = fields["expires"]
    unknown = set(fields["scopes"]) - set(SCOPES)
    if unknown or not NAME.fullmatch(fields["name"]):
        raise ValueError(f"token {fields['name']!r} with the scopes {fields['scopes']}")
    salt, hashed = bytes.fromhex(fields["salt"]), bytes.fromhex(fields["scrypt"])
    if not IDENTITY.fullmatch(fields["identity"]) or len(salt) < SALT or len(hashed) != HASH:
        raise ValueError(f"the values of the token {fields['name']!r}")
    return Token(
        fields["name"],
        fields["identity"],
        salt,
        hashed,
        tuple(fields["scopes"]),
        datetime.fromisoformat(fields["created"]).timestamp(),
        None if expires is None else datetime.fromisoformat(expires).timestamp(),
    )


def date(seconds: float) -> str:
    """Seconds since 1970 as a date and a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
