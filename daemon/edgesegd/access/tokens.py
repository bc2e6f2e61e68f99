"""Tokens by which clients are known."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from edgesegd.access.quota import NO_LIMITS, Quota
from edgesegd.core.errors import ConfigError

INFER, MODELS, METRICS = SCOPES = ("infer", "models", "metrics")
"""What a token may be for: segmenting, loading and unloading models, reading the metrics."""
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

    `identity` is the part of the text that is not secret, in hexadecimal digits. A token with
    another `quota` is the same token.
    """

    name: str
    identity: str
    salt: bytes
    hash: bytes
    scopes: tuple[str, ...]
    created: float
    expires: float | None = None
    quota: Quota = field(default=NO_LIMITS, compare=False)

    def matches(self, text: str) -> bool:
        """Whether this is the token with that text; takes about 50 ms."""
        return hmac.compare_digest(_hash(text, self.salt), self.hash)

    def is_expired(self, now: float) -> bool:
        """Whether it is no longer valid at `now`, in seconds since 1970."""
        return self.expires is not None and now >= self.expires


def make_token(
    name: str,
    scopes: Iterable[str],
    *,
    now: float,
    expires: float | None = None,
    quota: Quota = NO_LIMITS,
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
    return Token(name, identity, salt, _hash(text, salt), scopes, now, expires, quota), text


def identity_of(text: str) -> str:
    """The identity in a token's text; empty if the text is no token."""
    found = TEXT.fullmatch(text)
    return found[1] if found else ""


def _hash(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, **SCRYPT, dklen=HASH)
