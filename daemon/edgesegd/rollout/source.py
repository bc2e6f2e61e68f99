"""Where a release comes from: a folder, or an address of the web."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import ssl
import stat
import threading
import time
from collections.abc import Generator, Iterator
from http.client import HTTPMessage
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Protocol
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from edgesegd.core.errors import ConfigError, DownloadFailed
from edgesegd.files.regular import say_why
from edgesegd.models.catalogue.download_source import read_stream

STALL_SECONDS: Final = 30.0
"""After this time without a byte a download has failed."""
WEB: Final = ("http", "https")
_WRITTEN_OUT: Final = re.compile("[!-~]+")
"""The characters that an address may have (RFC 3986, section 2)."""
_WITHOUT_NETWORK: Final = "without a network, give a folder with the release"


class Source(Protocol):
    """Gives the files of a release by their paths beside its manifest."""

    is_plain_http: bool
    """Whether others could change what arrives."""

    def read(self, path: str) -> Generator[bytes, None, None]:
        """The file in pieces; raises DownloadFailed."""

    def where(self, path: str) -> str:
        """The file's own place, for messages."""


def open_source(text: str, *, authority: Path | None, seconds: float) -> Source:
    """The source with this address or folder.

    `authority` is a file of certificates to trust besides the system's. Downloads must end within
    `seconds` from now. Raises ConfigError for what is neither, and DownloadFailed for a folder that
    cannot be opened.
    """
    if "://" not in text:
        return FolderSource(Path(text))
    return WebSource(text, authority=authority, seconds=seconds)


class FolderSource:
    """A folder. It is opened at once, for the user who reads it later may be another."""

    is_plain_http = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            why = say_why(error) if isinstance(error, OSError) else error
            raise DownloadFailed(f"the folder {folder} cannot be opened: {why}") from None

    def where(self, path: str) -> str:
        """The file's own path."""
        return str(self._folder / path)

    def read(self, path: str) -> Generator[bytes, None, None]:
        """The file in pieces; raises DownloadFailed, also for links and what is no file."""
        return read_stream(self.where(path), lambda: self._open(path), STALL_SECONDS)

    def _open(self, path: str) -> BufferedReader:
        *folders, name = path.split("/")
        with contextlib.ExitStack() as opened:
            within = self._descriptor
            for folder in folders:
                within = _open_folder(folder, within)
                opened.callback(os.close, within)
            return _open_file(name, within)


def _open_folder(name: str, within: int) -> int:
    """A descriptor of a folder, which need only be one that may be entered; raises OSError."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=within)
    except NotADirectoryError:
        raise OSError(f"{name} is not a folder, and links are not followed") from None
    except OSError as error:
        raise OSError(say_why(error)) from None  # its place is in the message already


def _open_file(name: str, within: int) -> BufferedReader:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(name, flags, dir_fd=within)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        why = "it is a link, and links are not followed" if is_link else say_why(error)
        raise OSError(why) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return open(descriptor, "rb")  # noqa: PTH123 # a descriptor


class WebSource:
    """A folder of a web server; proxies are those of the environment (`https_proxy`)."""

    def __init__(self, address: str, *, authority: Path | None, seconds: float) -> None:
        try:
            parts = urlsplit(address)
            host, _ = parts.hostname, parts.port  # raises for a port that is none
        except ValueError:  # whose text may have a part of a password
            raise ConfigError(
                "what is given as the release is not an address: it is https://HOST/PATH, or "
                "https://HOST:PORT/PATH with a port from 1 to 65535"
            ) from None
        if parts.scheme not in WEB:
            raise ConfigError(
                f"a release comes from https://, http:// or a folder, not from {parts.scheme}://"
            )
        if not host or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError(
                f"{parts.scheme}://{host or ''}{parts.path}: the address is that of a folder, "
                "https://HOST/PATH, without a user, a password, ? and #"
            )
        if not _WRITTEN_OUT.fullmatch(address):
            raise ConfigError(
                f"{address!r} is not an address: spaces and what is not ASCII are written as %XX, "
                "and names of hosts as xn--…"
            )
        self.is_plain_http = parts.scheme == "http"
        self._address = address.rstrip("/")
        self._ends_at = time.monotonic() + seconds
        self._seconds = seconds
        self._opener = _opener(parts.scheme, authority)

    def where(self, path: str) -> str:
        """The file's own address."""
        return f"{self._address}/{path}"

    def read(self, path: str) -> Generator[bytes, None, None]:
        """The file in pieces; raises DownloadFailed."""
        where = self.where(path)
        too_late = DownloadFailed(
            f"{where}: the release has not arrived within {self._seconds:g} s; what has "
            "arrived is kept for the next try (--seconds)"
        )
        stream = read_stream(
            where, lambda: self._open(where), STALL_SECONDS, advice=_WITHOUT_NETWORK
        )
        with contextlib.closing(stream) as chunks:
            while True:
                with _raising(too_late, self._ends_at):
                    chunk = next(chunks, b"")
                if time.monotonic() > self._ends_at:
                    raise too_late
                if not chunk:
                    return
                yield chunk

    def _open(self, where: str) -> Any:  # noqa: ANN401 # as urllib's
        request = Request(where, headers={"User-Agent": "edgesegd", "Accept-Encoding": "identity"})  # noqa: S310 # http or https
        left = max(self._ends_at - time.monotonic(), 0) + 1  # the time limit of `read` is before it
        return self._opener.open(request, timeout=min(STALL_SECONDS, left))


@contextlib.contextmanager
def _raising(error: DownloadFailed, at: float) -> Iterator[None]:
    """Raise the error in the block at that time, whatever it waits for.

    A server that sends a byte of a header now and then passes each time limit of its socket. Only
    the main thread can be interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: object) -> NoReturn:
        raise error

    handler = signal.signal(signal.SIGALRM, interrupt)
    timer = signal.setitimer(signal.ITIMER_REAL, max(at - time.monotonic(), 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


class _SameScheme(HTTPRedirectHandler):
    """Follows a server to another address, but not from https to http or back."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    def redirect_request(  # noqa: PLR0917 # as the base class
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """As the base class; raises DownloadFailed."""
        scheme = urlsplit(newurl).scheme
        if scheme != self._scheme:
            raise DownloadFailed(
                f"{req.full_url} leads from {self._scheme}:// to {scheme}://, which is not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(scheme: str, authority: Path | None) -> OpenerDirector:
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            why = say_why(error) if isinstance(error, OSError) else error
            raise ConfigError(f"--ca {authority} cannot be read: {why}") from None
    return build_opener(HTTPSHandler(context=context), _SameScheme(scheme))
