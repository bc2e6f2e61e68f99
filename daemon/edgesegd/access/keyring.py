"""The tokens that are valid now: those of the file, which may change at any time."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edgesegd.access.tokens import Token, identity_of, read_tokens
from edgesegd.core.errors import ConfigError, Forbidden, Unauthenticated

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
"""What changes with a file: its number, its size and its time in nanoseconds."""
HOW = "an operator of the board makes one with `edgesegd tokens add NAME`"


class Keyring:
    """The tokens of the file at `path`; None for a daemon that asks for no token.

    Each question looks whether the file has changed. From the time when there is one, tokens are
    asked for, also if it is deleted later: then none is valid. `clock` is in seconds since 1970.
    Threads may share it. Raises ConfigError if the file cannot be read.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._tokens: dict[str, Token] | None = None
        self._known: dict[bytes, Token] = {}
        if path is not None and (stamp := _stamp(path)) is not None:
            self._take(read_tokens(path), stamp)

    @property
    def in_force(self) -> bool:
        """Whether clients need a token."""
        self._look()
        return self._tokens is not None

    def find(self, text: str) -> Token:
        """The valid token with that text; raises Unauthenticated if there is none.

        A text that was found before is found in microseconds; another one takes about 50 ms.
        """
        self._look()
        digest = hashlib.sha256(text.encode()).digest()
        token = self._known.get(digest)
        if token is None:
            token = (self._tokens or {}).get(identity_of(text))
            if token is None:
                raise Unauthenticated(
                    f"there is no such token, or it was revoked; {HOW}"
                    if text
                    else f"this daemon asks for a token; {HOW}"
                )
            if not token.matches(text):
                raise Unauthenticated(f"there is no such token, or it was revoked; {HOW}")
            with self._lock:
                if (self._tokens or {}).get(token.identity) == token:
                    self._known[digest] = token
        if token.is_expired(self._clock()):
            raise Unauthenticated(f"the token {token.name!r} has expired; {HOW}")
        return token

    def is_quick(self, text: str) -> bool:
        """Whether `find` takes no time for this text."""
        digest = hashlib.sha256(text.encode()).digest()
        return digest in self._known or identity_of(text) not in (self._tokens or {})

    def still_valid(self, token: Token) -> bool:
        """Whether a token that was found is valid still, as it was."""
        self._look()
        kept = (self._tokens or {}).get(token.identity)
        return kept == token and not token.is_expired(self._clock())

    def _look(self) -> None:
        """Read the file again if it has changed; what cannot be read changes nothing."""
        if self._path is None:
            return
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        with self._lock:
            self._stamp = stamp  # what cannot be read is reported once
            if stamp is None:
                log.warning("%s is gone: no token is valid until it is there", self._path)
                self._tokens, self._known = {}, {}
                return
            try:
                self._take(read_tokens(self._path), stamp)
            except (ConfigError, FileNotFoundError) as error:
                log.warning("the tokens stay as they were: %s", error)

    def _take(self, tokens: tuple[Token, ...], stamp: Stamp) -> None:
        self._tokens = {token.identity: token for token in tokens}
        self._known = {
            digest: token
            for digest, token in self._known.items()
            if self._tokens.get(token.identity) == token
        }
        self._stamp = stamp


def require_scope(token: Token, scope: str) -> None:
    """Raise Forbidden if a token is not for `scope`; an empty one is any token's."""
    if scope and scope not in token.scopes:
        raise Forbidden(
            f"the token {token.name!r} is not for {scope} (it is for {', '.join(token.scopes)})"
        )


def bearer(authorization: str) -> str:
    """The token in a header `Authorization: Bearer TOKEN`; empty if there is none."""
    kind, _, text = authorization.partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
