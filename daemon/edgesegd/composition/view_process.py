"""The page of `edgeseg view`, in a process beside the daemon, for a first look."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edgesegd.access.certificates import Certificates
from edgesegd.ipc.child import Child, ending

log = logging.getLogger(__name__)

ANNOUNCED = "view on "
"""How a line begins that says where the page is."""
TOKEN_FILE_VARIABLE = "EDGESEG_VIEW_TOKEN_FILE"  # noqa: S105 # the name of a variable
STOP_SECONDS = 2.0


class ViewProcess:
    """Runs `edgeseg view` as any user would; the daemon imports nothing of the client.

    The process ends with the daemon, however that ends, because its standard input does. If it
    cannot start, or ends, that is logged, and the daemon goes on.

    The token of a page for other machines is in `token_file`, which is made if there is none, or in
    that of EDGESEG_VIEW_TOKEN_FILE: a random one would be printed, and kept in the journal. None:
    the page is for this machine, without a token. With `tls` it is served over HTTPS.
    """

    def __init__(
        self,
        sources: Sequence[str],
        listen: str,
        token_file: Path | None,
        *,
        tls: Certificates | None = None,
    ) -> None:
        self._sources = sources
        self._listen = listen
        self._token_file = token_file
        self._tls = tls
        self._child: Child | None = None
        self._lifeline: int | None = None

    async def start(self, server: str, announce: Callable[[str], None]) -> None:
        """Show the sources, segmented by the daemon at `server`.

        `announce` gets the line that says where the page is, once it is there.
        """

        def on_line(line: str) -> None:
            if line.startswith(ANNOUNCED):
                announce(line)
            elif line:
                log.warning("view: %s", line.removeprefix("edgeseg: "))

        theirs, self._lifeline = os.pipe()
        options = ["--with-parent", "--server", server, "--listen", self._listen]
        try:
            if self._token_file is not None and not os.environ.get(TOKEN_FILE_VARIABLE):
                _make_token(self._token_file)
                options += ["--token-file", str(self._token_file)]
            if self._tls is not None:
                files = self._tls.files
                options += ["--page-cert", str(files.certificate), "--page-key", str(files.key)]
            child = await Child.start(
                "edgeseg_client",
                (),
                arguments=("view", *options, "--", *self._sources),
                stdin=theirs,
                on_line=on_line,
            )
        except OSError as error:
            log.warning("the view cannot be started: %s", error)
            return
        finally:
            os.close(theirs)
        self._child = child
        child.ended.add_done_callback(self._ended)

    async def close(self) -> None:
        """End the process; may be called twice."""
        child, self._child = self._child, None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if child is not None and not await child.ends_in(STOP_SECONDS):
            child.kill()
            await child.ends_in(STOP_SECONDS)

    def _ended(self, ended: asyncio.Task[int]) -> None:
        if self._child is not None and not ended.cancelled():
            log.warning("the view has ended (%s); the daemon goes on", ending(ended.result()))


def _make_token(file: Path) -> None:
    """Write a random token to the file, which only its owner can read, unless there is one.

    Raises OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), open(file, "x", opener=_owner_only, encoding="ascii") as new:
        new.write(secrets.token_urlsafe(24) + "\n")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
