"""Reads a file from an HTTP address or a local path."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from edgesegd.core.errors import DownloadFailed

_CHUNK_BYTES = 1 << 16
_HTTP = ("http://", "https://")


def read_source(source: str, timeout_s: float) -> Generator[bytes, None, None]:
    """The content in pieces; `source` is a path unless it begins with `http://` or `https://`.

    Raises `DownloadFailed` if it cannot be read, or if nothing arrives for `timeout_s`. A transfer
    that ends too early raises nothing, so the caller must check the length.
    """
    try:
        with _open(source, timeout_s) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except HTTPError as fault:
        fault.close()
        raise DownloadFailed(f"{source} answers {fault.code} {fault.reason}") from fault
    except TimeoutError as fault:
        raise DownloadFailed(f"{source} has sent nothing for {timeout_s:g} s") from fault
    except URLError as fault:
        raise DownloadFailed(
            f"{source} cannot be reached ({fault.reason}); without a network, copy the file "
            "to this machine and give it with --from PATH"
        ) from fault
    except (OSError, HTTPException, ValueError) as fault:
        raise DownloadFailed(f"{source} cannot be read: {fault}") from fault


def _open(source: str, timeout_s: float) -> AbstractContextManager[BinaryIO]:
    if source.startswith(_HTTP):
        response: AbstractContextManager[BinaryIO] = urlopen(source, timeout=timeout_s)  # noqa: S310 - the scheme is checked
        return response
    if "://" in source:
        raise DownloadFailed(f"{source} is neither an http address nor a path")
    return Path(source).open("rb")
