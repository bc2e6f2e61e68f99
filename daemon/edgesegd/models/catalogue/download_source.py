"""Reads a file from an HTTP address or a local path."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from http.client import HTTPException
from io import BufferedIOBase
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from edgesegd.core.errors import DownloadFailed

_CHUNK_BYTES = 1 << 16
_HTTP = ("http://", "https://")


def read_source(source: str, timeout_s: float) -> Generator[bytes, None, None]:
    """The content in pieces; `source` is a path unless it begins with `http://` or `https://`.

    Raises like `read_stream`.
    """
    return read_stream(
        source,
        lambda: _open(source, timeout_s),
        timeout_s,
        advice="without a network, copy the file to this machine and give it with --from PATH",
    )


def read_stream(
    source: str,
    open_stream: Callable[[], AbstractContextManager[BufferedIOBase]],
    timeout_s: float,
    *,
    advice: str = "",
) -> Generator[bytes, None, None]:
    """The content of what `open_stream` opens, in pieces, as they arrive.

    Raises `DownloadFailed` if it cannot be read, or if nothing arrives for `timeout_s`, which is
    the stream's own time limit; `advice` is for a server that cannot be reached. A transfer that
    ends too early raises nothing, so the caller must check the length.
    """
    try:
        with open_stream() as stream:
            while chunk := stream.read1(_CHUNK_BYTES):
                yield chunk
    except HTTPError as fault:
        fault.close()
        said = "".join(filter(str.isprintable, str(fault.reason)))  # any bytes of the server's
        raise DownloadFailed(f"{source} answers {fault.code} {said}") from fault
    except TimeoutError as fault:
        raise DownloadFailed(f"{source} has sent nothing for {timeout_s:g} s") from fault
    except URLError as fault:
        then = f"; {advice}" if advice else ""
        raise DownloadFailed(f"{source} cannot be reached ({fault.reason}){then}") from fault
    except (OSError, HTTPException, ValueError) as fault:
        raise DownloadFailed(f"{source} cannot be read: {fault}") from fault


def _open(source: str, timeout_s: float) -> AbstractContextManager[BufferedIOBase]:
    if source.startswith(_HTTP):
        response: AbstractContextManager[BufferedIOBase] = urlopen(source, timeout=timeout_s)  # noqa: S310 - the scheme is checked
        return response
    if "://" in source:
        raise DownloadFailed(f"{source} is neither an http address nor a path")
    return Path(source).open("rb")
