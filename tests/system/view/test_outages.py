"""Cameras, daemons and servers that go away and come back, as the page shows it."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest

from support.browser import Browser, Viewing
from support.camera import Camera
from support.labelling_daemon import GREYS, labelling_daemon, labels_of, number_of
from support.view_page import (
    PICTURES,
    halves,
    opened,
    pixels,
    shown_number,
    tint,
    wait_for_count,
    wait_for_frame,
    wait_for_parts,
    wait_for_state,
    wait_for_text,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_a_source_that_dies_and_comes_back_is_said_and_shown(browser: Browser, server: str) -> None:
    with ExitStack() as stack:
        camera = stack.enter_context(Camera([PICTURES[0]]).running())
        view = Viewing(server, f"porch={camera.address()}")
        with view, opened(browser, view.address) as page:
            wait_for_state(page, "live")
            stack.close()
            wait_for_state(page, "lost")
            wait_for_parts(page, ".message", "porch is lost")
            wait_for_text(page, "#spoken", "porch is lost")
            with Camera([PICTURES[5]], camera.port).running():
                wait_for_state(page, "live")
                wait_for_text(page, ".message", "")
                _, right = halves(pixels(page))
                assert number_of(float(right.mean())) == 5


def test_a_daemon_that_is_killed_and_comes_back_is_said_and_frames_go_on(
    browser: Browser,
) -> None:
    with ExitStack() as stack:
        camera = stack.enter_context(Camera(PICTURES).running())
        daemon = ExitStack()
        port = daemon.enter_context(labelling_daemon())
        view = stack.enter_context(Viewing(f"127.0.0.1:{port}", f"porch={camera.address()}"))
        page = stack.enter_context(opened(browser, view.address))
        wait_for_frame(page)
        daemon.close()
        banner = page.locator("#banner")
        banner.wait_for(state="visible", timeout=20_000)
        wait_for_parts(page, "#banner", f"No daemon answers at 127.0.0.1:{port}")
        before = shown_number(page)
        with labelling_daemon(port):
            banner.wait_for(state="hidden", timeout=20_000)
            wait_for_frame(page, after=before)
            left, right = halves(pixels(page))
            number = number_of(float(right.mean()))
            assert np.abs(left - tint(GREYS[number], int(labels_of(number)[0, 0]))).max() <= 4


def test_a_daemon_that_comes_back_with_another_model_is_said_and_waited_for(
    browser: Browser,
) -> None:
    with ExitStack() as stack:
        camera = stack.enter_context(Camera(PICTURES).running())
        daemon = ExitStack()
        port = daemon.enter_context(labelling_daemon())
        source = f"porch={camera.address()}"
        view = Viewing(f"127.0.0.1:{port}", source, "--model", "labelling")
        page = stack.enter_context(opened(browser, stack.enter_context(view).address))
        wait_for_frame(page)
        daemon.close()
        with labelling_daemon(port, "other"):
            wait_for_state(page, "refused")
            page.wait_for_function(
                "() => document.querySelector('#banner').textContent.includes('asked again')"
            )
            assert page.locator("#banner").inner_text() == (
                f"The daemon at 127.0.0.1:{port} cannot segment for this page: the daemon serves no"
                " model 'labelling'; it serves: other. It is asked again and again."
            )
            wait_for_parts(page, ".message", "there is no model")
        before = shown_number(page)
        with labelling_daemon(port):
            wait_for_state(page, "live")
            wait_for_frame(page, after=before)
            page.locator("#banner").wait_for(state="hidden", timeout=20_000)
            wait_for_text(page, ".message", "")


def test_a_page_whose_server_is_killed_goes_on_with_the_next_one(
    browser: Browser, server: str
) -> None:
    with ExitStack() as stack:
        camera = stack.enter_context(Camera(PICTURES).running())
        source = f"porch={camera.address()}"
        view = stack.enter_context(Viewing(server, source))
        page = stack.enter_context(opened(browser, view.address))
        wait_for_frame(page)
        view.process.kill()
        banner = page.locator("#banner")
        banner.wait_for(state="visible", timeout=20_000)
        wait_for_parts(page, "#banner", "server does not answer")
        last = shown_number(page)
        with Viewing(server, source, listen=view.listen):
            banner.wait_for(state="hidden", timeout=20_000)
            wait_for_frame(page, after=last)
            wait_for_state(page, "live")
        with Viewing(server, f"attic={camera.address()}", listen=view.listen):
            wait_for_text(page, ".card h2", "attic")
            wait_for_count(page, ".card", 1)
