"""The file that keeps the tokens, and the quotas of clients' certificates."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edgesegd.access.quota import NO_LIMITS, Quota, parse_quota
from edgesegd.access.tokens import HASH, IDENTITY, NAME, SALT, SCOPES, Token
from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.files.replacing import replacing

FILE_NAME: Final = "tokens.json"
"""The file in the data folder, if no other is configured."""
REQUIRED: Final = ".required"
"""Ending of a file beside that of the tokens, which says that tokens are asked for."""
NO_FILE: Final = "none"
"""The path of a daemon that asks for no token."""
PLAIN, WITH_QUOTAS = SCHEMAS = (1, 2)
"""The forms of the file. The second is written only if there is a quota: older versions, which
would not limit its clients, refuse it."""
FIELDS: Final = {"name", "identity", "salt", "scrypt", "scopes", "created", "expires"}
QUOTA: Final = "quota"
CERTIFICATES: Final = "certificates"
MAX_CERTIFICATE_NAME: Final = 256
OWNER_ONLY: Final = 0o600
MAX_FILE: Final = 1 << 20


def tokens_path(configured: str, data_dir: str) -> Path | None:
    """The file of tokens of a daemon with these options; None if it asks for no token."""
    if configured == NO_FILE:
        return None
    return Path(configured) if configured else Path(data_dir) / FILE_NAME


@dataclass(slots=True)
class FileContent:
    """What a file holds: the tokens, or None if it asks for none.

    `certificates` are the quotas of clients by the names in their certificates.
    """

    tokens: list[Token] | None = None
    certificates: dict[str, Quota] = field(default_factory=dict)


def read_content(path: Path) -> FileContent:
    """The content of a file; raises ConfigError, and FileNotFoundError if there is none."""
    try:
        return _parse(json.loads(read_regular_file(path, MAX_FILE)))
    except FileNotFoundError:
        raise
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
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

    As `changing_content` does.
    """
    with changing_content(path) as content:
        tokens = content.tokens or []
        yield tokens
        if tokens or content.tokens is not None:
            content.tokens = tokens


@contextlib.contextmanager
def changing_content(path: Path) -> Iterator[FileContent]:
    """The content of a file, or an empty one; what it is at the end of the block replaces it.

    Only its owner can read the file, which is the owner of the old one, or of its folder: a daemon
    of another user than the caller must be able to read it. Programs that change it at the same
    time wait for each other. Raises ConfigError.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _open_beside(path, path.with_name(f".{path.name}.lock"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = FileContent()
            with contextlib.suppress(FileNotFoundError):
                content = read_content(path)
            yield content
            _write(path, content)
        finally:
            os.close(lock)
    except OSError as error:
        raise ConfigError(f"cannot write the tokens to {path}: {say_why(error)}") from None


def _write(path: Path, content: FileContent) -> None:
    """Replace the file; raises OSError, or ConfigError if it would be too large to read."""
    written = json.dumps(_table_of(content), indent=2).encode() + b"\n"
    if len(written) > MAX_FILE:
        raise ConfigError(f"{path} has too many tokens; revoke some first")
    os.close(_open_beside(path, marker_of(path)))
    owner = _owner_of(path)
    with replacing(path, mode=OWNER_ONLY) as file:
        file.write(written)
        _give_to(owner, file.fileno())


def _open_beside(path: Path, other: Path) -> int:
    """A descriptor of a file beside that of the tokens, made for the same owner; raises OSError.

    Only a new file is given away, and no link is followed: the owner of the folder might have put
    one there for root, which leads to a file of root's.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        made = os.open(other, flags | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        return os.open(other, flags)
    try:
        _give_to(_owner_of(path), made)
    except OSError:
        os.close(made)
        other.unlink()
        raise
    return made


def _owner_of(path: Path) -> os.stat_result:
    """Who shall own a file of tokens: the owner of the old one, or of its folder."""
    return (path if path.exists() else path.parent).stat()


def _give_to(owner: os.stat_result, opened: int) -> None:
    if os.geteuid() != owner.st_uid:
        os.fchown(opened, owner.st_uid, owner.st_gid)


def _table_of(content: FileContent) -> dict[str, Any]:
    """The content as JSON."""
    tokens, certificates = content.tokens, content.certificates
    if tokens is not None and not certificates and all(each.quota == NO_LIMITS for each in tokens):
        return {"schema": PLAIN, "tokens": [_to_json(token) for token in tokens]}
    return {
        "schema": WITH_QUOTAS,
        "tokens": None if tokens is None else [_to_json(token) for token in tokens],
        CERTIFICATES: {name: quota.given() for name, quota in certificates.items()},
    }


def _to_json(token: Token) -> dict[str, Any]:
    quota = token.quota.given()
    return {
        "name": token.name,
        "identity": token.identity,
        "salt": token.salt.hex(),
        "scrypt": token.hash.hex(),
        "scopes": list(token.scopes),
        "created": date(token.created),
        "expires": None if token.expires is None else date(token.expires),
        **({QUOTA: quota} if quota else {}),
    }


def _parse(table: Any) -> FileContent:  # noqa: ANN401 # any JSON
    """The content that is in JSON."""
    schema, tokens = table["schema"], table["tokens"]
    if schema not in SCHEMAS:
        raise ConfigError(
            f"it was written by another version of edgesegd (schema {schema!r}); make the tokens "
            "again with `edgesegd tokens add`"
        )
    has_quotas, certificates = schema == WITH_QUOTAS, table.get(CERTIFICATES, {})
    known = {"schema", "tokens", CERTIFICATES} if has_quotas else {"schema", "tokens"}
    _require_known(table, known, "the file")
    if not isinstance(certificates, dict):
        raise ConfigError(f"{CERTIFICATES} is a table of quotas by name")
    for token in tokens or ():
        known = FIELDS | {QUOTA} if has_quotas else FIELDS
        _require_known(token, known, f"the token {token['name']!r}")
    return FileContent(
        None if tokens is None and has_quotas else [_from_json(token) for token in tokens],
        {
            check_certificate_name(name): _quota(quota, f"the certificate {name!r}")
            for name, quota in certificates.items()
        },
    )


def check_certificate_name(name: str) -> str:
    """The name; raises ConfigError if no certificate can have it."""
    if not 0 < len(name) <= MAX_CERTIFICATE_NAME or not name.isprintable():
        raise ConfigError(
            f"the name in a certificate has 1 to {MAX_CERTIFICATE_NAME} printable characters, not "
            f"{name!r:.80}"
        )
    return name


def _quota(given: object, whose: str) -> Quota:
    try:
        return parse_quota(given)
    except ConfigError as error:
        raise ConfigError(f"{whose}: {error}") from None


def _require_known(fields: dict[str, Any], known: Set[str], what: str) -> None:
    """Raise ConfigError for a key that would have no effect."""
    if unknown := set(fields) - known:
        raise ConfigError(f"{what} has a key {min(unknown)!r}, which is unknown")


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
        _quota(fields.get(QUOTA, {}), f"the token {fields['name']!r}"),
    )


def date(seconds: float) -> str:
    """Seconds since 1970 as a date and a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
