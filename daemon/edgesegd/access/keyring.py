"""The tokens and quotas that hold now: those of the file, which may change at any time."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edgesegd.access.quota import Quota
from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.access.token_file import FileContent, marker_of, read_content, tokens_path
from edgesegd.access.tokens import Token, identity_of
from edgesegd.core.errors import ConfigError, Forbidden, Unauthenticated
from edgesegd.files.regular import say_why
from edgesegd.files.watch import FileWatch

log = logging.getLogger(__name__)

HOW = "an operator of the board makes one with `edgesegd tokens add NAME`"


class Keyring:
    """The tokens of the file at `path`, and all quotas; None for a daemon that asks for no token.

    Each question looks whether the file has changed. From the time when there is one with tokens,
    they are asked for, also if it is deleted later: then none is valid, and the quotas of
    certificates stay. A file that cannot be read changes nothing, but if it is the first one, no
    token is valid until it can. `clock` is in seconds since 1970. Threads may share it. Raises
    ConfigError if there is a file that cannot be read, or if there was one.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._path = path
        self._watch = FileWatch([] if path is None else [path])
        self._tokens: dict[str, Token] | None = None
        self._known: dict[bytes, Token] = {}
        self._quotas: dict[QuotaHolder, Quota] = {}
        self._was_read = False
        if path is None:
            return
        try:
            self._watch.is_due()
        except OSError as error:
            raise ConfigError(
                f"cannot read the tokens in {path}: {say_why(error)}; choose another --data-dir, "
                "or --tokens none to ask for no token"
            ) from None
        if self._watch.are_there:
            self._take(read_content(path))
        elif marker_of(path).exists():
            raise ConfigError(
                f"there were tokens or quotas, but {path} is gone: restore it, or delete "
                f"{marker_of(path)} too if everyone who can connect may use the daemon"
            )

    @property
    def in_force(self) -> bool:
        """Whether clients need a token."""
        self._look()
        return self._tokens is not None

    @property
    def limits_certificates(self) -> bool:
        """Whether there are quotas of certificates."""
        return any(holder.kind == "certificate" for holder in self._quotas)

    @property
    def has_file(self) -> bool:
        """Whether there was a file that could be read."""
        return self._was_read

    def quota_of(self, holder: QuotaHolder) -> Quota | None:
        """The quota of a holder, as the file was at the last other question; None if it has none.

        A token without limits has one that limits nothing.
        """
        return self._quotas.get(holder)

    def find(self, text: str) -> Token:
        """The valid token with that text; raises Unauthenticated if there is none.

        A text that was found before is found in microseconds; another one takes about 50 ms.
        """
        self._look()
        if not text:
            raise Unauthenticated(f"this daemon asks for a token; {HOW}")
        digest = _digest(text)
        known = self._known.get(digest)
        token = known or (self._tokens or {}).get(identity_of(text))
        if token is not None and token.is_expired(self._clock()):
            raise Unauthenticated(f"the token {token.name!r} has expired; {HOW}")
        if token is None or not (known or token.matches(text)):
            raise Unauthenticated(f"there is no such token, or it was revoked; {HOW}")
        with self._lock:
            kept = (self._tokens or {}).get(token.identity)
            if kept is not None and kept == token:  # which may have another quota since
                self._known[digest] = token = kept
        return token

    def is_quick(self, text: str) -> bool:
        """Whether `find` takes no time for this text."""
        if _digest(text) in self._known:
            return True
        token = (self._tokens or {}).get(identity_of(text))
        return token is None or token.is_expired(self._clock())

    def still_valid(self, token: Token) -> bool:
        """Whether a token that was found is valid still, as it was."""
        self._look()
        kept = (self._tokens or {}).get(token.identity)
        return kept == token and not token.is_expired(self._clock())

    def _look(self) -> None:
        """Read the file again if it has changed."""
        if self._path is None:
            return
        with self._lock:
            try:
                if self._watch.is_due():
                    self._read(self._path)
            except (OSError, ConfigError) as error:
                self._keep_because(error)
            except Exception as error:
                log.exception("the tokens cannot be read, by a fault of the daemon")
                self._keep_because(error)

    def _read(self, path: Path) -> None:
        """Take the tokens of the file, or none if there is no file any more."""
        if self._watch.are_there:
            self._take(read_content(path))
            return
        if self._tokens is not None:
            log.warning("%s is gone: no token is valid until it is there", path)
            self._tokens, self._known = {}, {}
        elif self._was_read:
            log.warning("%s is gone: the quotas of certificates stay as they were", path)
        self._watch.read()

    def _take(self, content: FileContent) -> None:
        tokens = {token.identity: token for token in content.tokens or ()}
        if content.tokens is not None or self._tokens is not None:
            self._tokens = tokens
        kept = ((digest, tokens.get(old.identity), old) for digest, old in self._known.items())
        self._known = {digest: new for digest, new, old in kept if new and new == old}
        self._quotas = {QuotaHolder.of_token(token): token.quota for token in tokens.values()} | {
            QuotaHolder.of_certificate(name): quota for name, quota in content.certificates.items()
        }
        self._was_read = True
        self._watch.read()

    def _keep_because(self, error: Exception) -> None:
        """What cannot be read changes nothing; but without any tokens none is valid."""
        if self._watch.failed():
            log.error(
                "%s: %s",
                "the tokens stay as they were" if self._was_read else "no token is valid",
                error,
            )
        if self._tokens is None and not self._was_read:
            self._tokens = {}


def find_keyring(configured: str, data_dir: str) -> Keyring:
    """That of a daemon with these options, as for `tokens_path`.

    Raises ConfigError if there is a file that cannot be read, if there was one, or if none is where
    it is `configured`.
    """
    path = tokens_path(configured, data_dir)
    keyring = Keyring(path)
    if configured and path is not None and not keyring.has_file:
        raise ConfigError(
            f"there is no file of tokens {path}; `edgesegd tokens add NAME --tokens {path}` makes "
            "it"
        )
    return keyring


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


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
