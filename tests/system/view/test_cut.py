"""A network that is cut between the page and its server, or between that and the rest."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from support.browser import Page, Viewing, chromium
from support.network import FAR, Cable, two_hosts
from support.pictures import picture_folder
from support.view_page import PICTURES, opened, shown_number, wait_for_frame, wait_for_parts

pytestmark = [pytest.mark.system, pytest.mark.slow]

CUT_SECONDS = 10
BACK_SECONDS = 2
PORT = 8462
TOKEN = "a-token-for-this-test"  # noqa: S105


@pytest.fixture
def cable() -> Iterator[Cable]:
    with two_hosts() as cable:
        # A browser gives up what it loads when its host gets another address, as IPv6 still does.
        tentative = [*cable.near, "ip", "-6", "address", "show", "tentative"]
        while subprocess.run(tentative, check=True, capture_output=True).stdout:
            time.sleep(0.05)
        yield cable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path / "photos", PICTURES)


@contextmanager
def daemon_on(host: tuple[str, ...], address: str) -> Iterator[None]:
    """A daemon in a process on one of the hosts."""
    command = [*host, sys.executable, "-m", "edgesegd", "serve", "--delegate=cpu"]
    command += [f"--listen={address}", "--insecure", "--metrics-listen="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline().startswith("listening")
            yield
        finally:
            running.terminate()


def test_a_page_goes_on_when_the_network_to_its_server_is_back(
    cable: Cable, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    view = ("--fps=20", "--token-file", tmp_path / "token")
    with ExitStack() as stack:
        stack.enter_context(daemon_on(cable.far, "127.0.0.1:8460"))
        viewing = Viewing(
            "127.0.0.1:8460", f"porch={folder}", *view, listen=f"{FAR}:{PORT}", on=cable.far
        )
        stack.enter_context(viewing)
        browser = stack.enter_context(chromium(*cable.near))
        page = stack.enter_context(opened(browser, f"{viewing.address}?token={TOKEN}"))
        wait_for_frame(page)
        before = resources(viewing)
        for _ in range(2):
            cut(cable, page)
            wait_for_parts(page, "#banner", "server does not answer")
            assert back(cable, page) <= BACK_SECONDS
        check_resources(before, viewing)


def test_a_view_goes_on_when_the_network_to_its_daemon_is_back(cable: Cable, folder: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(daemon_on(cable.far, f"{FAR}:8460"))
        viewing = Viewing(f"{FAR}:8460", f"porch={folder}", "--fps=20", on=cable.near)
        stack.enter_context(viewing)
        browser = stack.enter_context(chromium(*cable.near))
        page = stack.enter_context(opened(browser, viewing.address))
        wait_for_frame(page)
        before = resources(viewing)
        for _ in range(2):
            cut(cable, page)
            wait_for_parts(page, "#banner", "No daemon answers")
            assert back(cable, page) <= BACK_SECONDS
        check_resources(before, viewing)


def cut(cable: Cable, page: Page) -> None:
    """Cut the network for a while."""
    wait_for_frame(page, after=shown_number(page))
    cable.pull()
    page.wait_for_timeout(CUT_SECONDS * 1000)


def back(cable: Cable, page: Page) -> float:
    """Seconds from when the network is back to the next frame."""
    last = shown_number(page)
    cable.plug()
    begun = time.monotonic()
    wait_for_frame(page, after=last)
    seconds = time.monotonic() - begun
    sys.stdout.write(f"next frame after {seconds:.2f} s\n")
    page.locator("#banner").wait_for(state="hidden", timeout=10_000)
    page.wait_for_timeout(1000)
    return seconds


def resources(viewing: Viewing) -> tuple[int, int, int]:
    """Descriptors, threads and private memory of the page's process."""
    process = psutil.Process(viewing.process.pid)
    return process.num_fds(), process.num_threads(), process.memory_full_info().uss


def check_resources(before: tuple[int, int, int], viewing: Viewing) -> None:
    after = resources(viewing)
    assert after[0] <= before[0] + 6, "descriptors"
    assert after[1] <= before[1] + 6, "threads"
    assert after[2] <= before[2] + 30e6, "bytes"
