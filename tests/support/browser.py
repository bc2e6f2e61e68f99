"""A real Chromium, driven by playwright, and the command `edgeseg view` for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import pytest

Browser: TypeAlias = Any
Page: TypeAlias = Any
"""Playwright's; the tests are collected without it too."""

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--force-color-profile=srgb",
)
"""Nothing is looked up on the internet; the camera is Chromium's own test picture."""


@contextmanager
def chromium(*command: str) -> Iterator[Browser]:
    """A browser of playwright, without any state; skips where there is none.

    `command` begins the command line, such as `ip netns exec HOST`.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("needs a browser: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the browser is driven by playwright: pip install playwright"
    )
    with playwright.sync_playwright() as started:
        if command:
            with _wrapper((*command, executable)) as wrapper:
                browser = started.chromium.launch(executable_path=str(wrapper), args=list(FLAGS))
                yield browser
                browser.close()
        else:
            browser = started.chromium.launch(executable_path=executable, args=list(FLAGS))
            yield browser
            browser.close()


@contextmanager
def _wrapper(command: Sequence[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chromium"
        path.write_text("#!/bin/sh\nexec " + " ".join(command) + ' "$@"\n')
        path.chmod(0o755)
        yield path


class Viewing:
    """`edgeseg view` in a process of its own; `address` is that of its page."""

    def __init__(
        self, server: str, *arguments: object, listen: str = "127.0.0.1:0", on: Sequence[str] = ()
    ) -> None:
        command = [*on, sys.executable, "-m", "edgeseg_client", "view", *map(str, arguments)]
        self.process = subprocess.Popen(
            [*command, "--server", server, "--listen", listen], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[2].rstrip(",")
        assert self.address.startswith("http"), self.address

    @property
    def listen(self) -> str:
        """The address on which it listens, to start another one there."""
        return self.address.removeprefix("http://").partition("/")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
