"""The name of a stream, which the daemon shows in its log and its metrics."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from edgeseg_client.errors import InvalidRequest

_KEY: Final = "edgeseg-stream"
_MAX_CHARACTERS: Final = 64


def name_metadata(name: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a stream that is called `name`; none if it is empty.

    Raises `InvalidRequest` for what cannot be a name.
    """
    if not isinstance(name, str):
        raise InvalidRequest(f"the name of a stream is a str, not {type(name).__name__}")
    if len(name) > _MAX_CHARACTERS:
        raise InvalidRequest(
            f"the name of a stream has at most {_MAX_CHARACTERS} characters, not {len(name)}"
        )
    if not name.isprintable() or name != name.strip():
        raise InvalidRequest(
            f"{name!r} cannot be the name of a stream: it has characters that cannot be printed, or"
            " begins or ends with a space"
        )
    return ((_KEY, quote(name)),) if name else ()
