"""Keys, buttons, pictures that are chosen, and the browser's camera."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.browser import Browser, Viewing
from support.camera import Camera
from support.labelling_daemon import GREYS, labels_of, number_of
from support.pictures import file_of
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
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_pausing_and_stepping_with_keys_shows_single_frames(browser: Browser, server: str) -> None:
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        page.wait_for_timeout(500)
        page.keyboard.press("Space")
        wait_for_state(page, "paused")
        page.wait_for_timeout(300)
        paused = shown_number(page)
        page.wait_for_timeout(300)
        assert shown_number(page) == paused
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(
            "paused => Number(document.querySelector('.card').dataset.frame) < paused", arg=paused
        )
        left, right = halves(pixels(page))
        number = number_of(float(right.mean()))
        assert np.abs(left - tint(GREYS[number], int(labels_of(number)[0, 0]))).max() <= 4
        seen = []
        for _ in range(8):  # beyond the last frame that has come: each step fetches one more
            before = shown_number(page)
            page.keyboard.press("ArrowRight")
            page.wait_for_function(
                "before => Number(document.querySelector('.card').dataset.frame) > before",
                arg=before,
                timeout=10_000,
            )
            seen.append(shown_number(page))
        assert seen == sorted(set(seen))
        page.wait_for_timeout(300)
        assert shown_number(page) == seen[-1], "it is still paused"
        page.keyboard.press("k")
        wait_for_state(page, "live")
        page.wait_for_function(
            "last => Number(document.querySelector('.card').dataset.frame) > last + 3",
            arg=seen[-1],
        )


def test_keys_change_the_mask_save_and_help(browser: Browser, server: str) -> None:
    with (
        Camera([PICTURES[2]]).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        page.keyboard.press("m")
        left, right = halves(pixels(page))
        assert np.abs(left - right).max() <= 3
        page.keyboard.press("+")
        left, _ = halves(pixels(page))
        assert np.abs(left - tint(GREYS[2], int(labels_of(2)[0, 0]), 0.65)).max() <= 4
        with page.expect_download() as download:
            page.keyboard.press("s")
        assert re.fullmatch(r"porch-\d+\.overlay\.png", download.value.suggested_filename)
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").wait_for(state="visible")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")


def test_several_sources_are_side_by_side_and_all_go_on(browser: Browser, server: str) -> None:
    with (
        Camera(PICTURES).running() as front,
        Camera(PICTURES).running() as back,
        Viewing(server, f"front={front.address()}", f"back={back.address()}") as view,
        opened(browser, view.address) as page,
    ):
        page.wait_for_function("() => document.querySelectorAll('.card[data-frame]').length === 2")
        boxes = [one.bounding_box() for one in page.locator(".card").all()]
        assert boxes[0]["y"] == boxes[1]["y"]
        assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
        headings = page.locator(".card h2").all_inner_texts()
        assert headings == ["front", "back"]
        page.keyboard.press("2")
        page.keyboard.press("Space")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.badge')].map((one) => one.innerText).join()"
            " === 'live,paused'"
        )


def test_a_chosen_picture_is_shown_with_its_mask_and_a_bad_one_with_the_reason(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    (tmp_path / "good.jpg").write_bytes(PICTURES[6])
    (tmp_path / "also good.png").write_bytes(file_of(Image.new("L", (64, 48), GREYS[7]), "PNG"))
    (tmp_path / "bad.jpg").write_bytes(b"no picture at all")
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.get_by_text("Show it something").wait_for(state="visible")
        page.locator("#file").set_input_files(tmp_path / "good.jpg")
        wait_for_frame(page)
        left, right = halves(pixels(page))
        assert number_of(float(right.mean())) == 6
        assert np.abs(left - tint(GREYS[6], int(labels_of(6)[0, 0]))).max() <= 4
        page.locator("#file").set_input_files([tmp_path / "bad.jpg", tmp_path / "also good.png"])
        page.wait_for_function(
            "() => document.querySelector('.position').textContent === 'also good.png · 2 of 2'"
        )
        _, right = halves(pixels(page))
        assert number_of(float(right.mean())) == 7
        page.locator("#file").set_input_files(tmp_path / "bad.jpg")
        page.wait_for_function(
            "() => document.querySelector('.message').textContent.startsWith('bad.jpg: ')"
        )
        wait_for_parts(page, ".message", "cannot be decoded")
        page.get_by_role("button", name="Close").first.click()
        wait_for_count(page, ".card", 0)
        page.get_by_text("Show it something").wait_for(state="visible")


def test_the_browsers_own_camera_is_segmented(browser: Browser, server: str) -> None:
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.get_by_role("button", name="camera").click()
        wait_for_frame(page)
        first = shown_number(page)
        page.wait_for_function(
            "first => Number(document.querySelector('.card').dataset.frame) > first + 3", arg=first
        )
        wait_for_state(page, "live")
        page.get_by_role("button", name="Close").first.click()
        wait_for_count(page, ".card", 0)


SLOW_PERMISSION = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.streams = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((resolve) => setTimeout(resolve, 800));
    streams.push(await open(wanted));
    return streams.at(-1);
  };
}"""
LIVE_TRACKS = """() => {
  const tracks = streams.flatMap((one) => one.getTracks());
  return tracks.filter((one) => one.readyState === "live").length;
}"""


def test_a_camera_that_is_closed_while_the_browser_asks_is_not_left_on(
    browser: Browser, server: str
) -> None:
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.evaluate(SLOW_PERMISSION)
        for _ in range(2):
            page.get_by_role("button", name="camera").click()
            page.get_by_role("button", name="Close").first.click()
        page.wait_for_function("() => streams.length === 2")
        page.wait_for_timeout(200)
        assert page.evaluate(LIVE_TRACKS) == 0
        page.get_by_role("button", name="camera").click()
        wait_for_frame(page)
        assert page.evaluate(LIVE_TRACKS) == 1
        page.evaluate("() => streams.at(-1).getTracks()[0].dispatchEvent(new Event('ended'))")
        wait_for_state(page, "failed")
        wait_for_parts(page, ".message", "unplugged")


NONE_AT_FIRST = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  let first = true;
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (!first) return open(wanted);
    first = false;
    throw new DOMException("none", "NotFoundError");
  };
}"""


def test_another_camera_is_shown_where_the_first_could_not_be_opened(
    browser: Browser, server: str
) -> None:
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.evaluate(NONE_AT_FIRST)
        page.get_by_role("button", name="camera").click()
        wait_for_state(page, "failed")
        page.get_by_role("button", name="Other camera").click()
        wait_for_frame(page)


def test_a_camera_that_was_asked_for_twice_is_on_once(browser: Browser, server: str) -> None:
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.evaluate(SLOW_PERMISSION)
        page.get_by_role("button", name="camera").click()
        wait_for_frame(page)
        for _ in range(2):
            page.get_by_role("button", name="Other camera").click()
        page.wait_for_function("() => streams.length === 3")
        page.wait_for_timeout(300)
        assert page.evaluate(LIVE_TRACKS) == 1


def test_a_camera_that_the_server_ends_says_the_servers_reason(
    browser: Browser, server: str
) -> None:
    with ExitStack() as stack:
        view = stack.enter_context(Viewing(server))
        pages = [stack.enter_context(opened(browser, view.address)) for _ in range(9)]
        for page in pages[:8]:
            page.evaluate(
                "() => new Promise((resolve) => {"
                " window.held = new WebSocket(`ws://${location.host}/camera`);"
                " held.onopen = resolve; })"
            )
        page = pages[8]
        page.get_by_role("button", name="camera").click()
        wait_for_state(page, "failed")
        page.wait_for_timeout(500)  # the socket has been closed meanwhile
        message = page.locator(".message").inner_text()
        assert message == "too many cameras are open on this page; close one. It is tried again."
        pages[0].evaluate("() => held.close()")
        wait_for_state(page, "live")


def test_a_page_that_is_not_secure_says_how_to_give_it_the_camera(
    browser: Browser, server: str
) -> None:
    with (
        Viewing(server, listen="0.0.0.0:0") as view,
        opened(browser, view.address) as page,
    ):
        page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        page.get_by_role("button", name="camera").click()
        wait_for_state(page, "failed")
        wait_for_parts(page, ".message", "--page-cert")


def test_a_hidden_page_gets_no_frames_and_the_newest_when_it_is_shown(
    browser: Browser, server: str
) -> None:
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        hide = (
            "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable:"
            " true }); document.dispatchEvent(new Event('visibilitychange')); }"
        )
        page.evaluate(hide, True)
        page.wait_for_timeout(500)
        before = shown_number(page)
        page.wait_for_timeout(500)
        assert shown_number(page) == before
        page.evaluate(hide, False)
        page.wait_for_function(
            "before => Number(document.querySelector('.card').dataset.frame) > before + 5",
            arg=before,
        )
