"""Copies a file that must have a known size and hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import BinaryIO

from edgesegd.core.errors import DownloadFailed


def copy_checked(
    chunks: Iterable[bytes],
    file: BinaryIO,
    *,
    source: str,
    name: str,
    size: int,
    digest: str,
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Copy the pieces to the file; raises `DownloadFailed` if they are not what is expected.

    `size` is in bytes, `digest` the SHA-256 in hexadecimal digits. No byte beyond the size is
    written. `progress` is called with the bytes so far.
    """
    done, found = 0, sha256()
    for chunk in chunks:
        done += len(chunk)
        if done > size:
            raise DownloadFailed(f"{source} is not {name}: it is longer than {size} bytes")
        found.update(chunk)
        file.write(chunk)
        progress(done)
    if done < size:
        raise DownloadFailed(f"{source} ended after {done} of {size} bytes")
    if found.hexdigest() != digest:
        raise DownloadFailed(
            f"{source} is not {name}: its SHA-256 is {found.hexdigest()}, but {digest} is expected"
        )
