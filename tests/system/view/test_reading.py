"""That the page can be read and used: names, contrasts, sizes, and what it loads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support.browser import Browser, Viewing
from support.camera import Camera
from support.labelling_daemon import CLASSES, labels_of
from support.view_page import (
    DESKTOP,
    PHONE,
    PICTURES,
    opened,
    pixels,
    wait_for_frame,
    wait_for_parts,
    wait_for_text,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_the_token_is_asked_for_and_opens_the_page(browser: Browser, server: str) -> None:
    with Viewing(server, listen="0.0.0.0:0") as view:
        plain, _, query = view.address.partition("?")
        context = browser.new_context(**DESKTOP)
        page = context.new_page()
        page.goto(plain)
        page.get_by_label("The token").fill("wrong")
        page.get_by_role("button", name="Open").click()
        page.get_by_text("That is not the token.", exact=True).wait_for(state="visible")
        page.get_by_label("The token").fill(query.removeprefix("token="))
        page.get_by_role("button", name="Open").click()
        page.get_by_text("Show it something").wait_for(state="visible")
        assert page.url == plain
        context.close()


def test_nothing_is_loaded_from_elsewhere(browser: Browser, server: str) -> None:
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
    ):
        context = browser.new_context(**DESKTOP)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(view.address)
        wait_for_frame(page)
        context.close()
    assert len(asked) > 10
    assert all(url.startswith((view.address, "blob:")) for url in asked), asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [PHONE, {"viewport": {"width": 320, "height": 640}}, DESKTOP])
def test_the_page_fits_and_every_control_has_a_name_and_room_for_a_finger(
    browser: Browser, server: str, scheme: str, device: dict[str, Any]
) -> None:
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address, color_scheme=scheme, **device) as page,
    ):
        wait_for_frame(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], "nothing is to be scrolled sideways"
        for control in page.locator("button:visible, summary:visible, input:visible").all():
            title = control.evaluate(
                "one => one.getAttribute('aria-label') || one.innerText ||"
                " one.labels?.[0]?.innerText || ''"
            )
            assert title.strip(), control.evaluate("one => one.outerHTML")
            box = control.bounding_box()
            assert box is not None
            kind = control.get_attribute("class") or ""
            if control.evaluate("one => one.tagName") != "INPUT" and "link" not in kind:
                assert min(box["width"], box["height"]) >= 32, (title, box)
        assert page.evaluate(_CONTRASTS) == []


def test_a_screen_reader_hears_what_is_seen(browser: Browser, server: str) -> None:
    with (
        Camera([PICTURES[1]]).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        name = CLASSES[int(labels_of(1)[0, 0])][0]
        page.get_by_role("img", name=f"porch: {name} 50 %").wait_for(timeout=10_000)
        wait_for_text(page, "#spoken", f"porch: {name}")
        page.wait_for_function(
            "() => document.querySelector('.spark').ariaLabel?.includes('invoke 4.0 ms')"
        )
        page.get_by_role("article", name="porch").wait_for(state="visible")


def test_stages_numbers_and_the_model_are_shown(browser: Browser, server: str) -> None:
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        wait_for_parts(page, ".figures", "per")
        wait_for_parts(page, ".stages", "queued", "decode", "invoke", "transfer")
        wait_for_parts(page, ".numbers", "dropped")
        wait_for_parts(page, "#daemon", "labelling 1 · cpu, test 1.0")
        chart = pixels(page, ".spark")
        assert len(np.unique(chart.reshape(-1, 3), axis=0)) > 5, "bars of several stages"


_CONTRASTS = """() => {
  const channel = (value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const parse = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = ([red, green, blue]) =>
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0.5) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const LEFT_OUT = ".symbols, .spoken, [disabled], .absent, [aria-pressed=false]";
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const style = getComputedStyle(one);
    if (!text || !one.checkVisibility() || one.closest(LEFT_OUT)) continue;
    const [first, second] = [light(parse(style.color)), light(behind(one))];
    const ratio = (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    if (ratio < 4.5) bad.push(`${one.className || one.tagName} ${one.textContent} ${ratio}`);
  }
  return bad;
}"""
"""Texts with less contrast than WCAG 2.2, 1.4.3, wants."""
