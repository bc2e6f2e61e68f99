"""The page of `edgeseg view` as a browser shows it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from support.browser import Browser, Page
from support.labelling_daemon import CLASSES, GREYS, picture_of

OPACITY = 0.55
"""The mask's, until somebody changes it."""
PICTURES = [picture_of(number) for number in range(len(GREYS))]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """The page in a context of its own; errors and complaints of its scripts fail the test."""
    with_defaults = {**DESKTOP, "accept_downloads": True, **options}
    context = browser.new_context(**with_defaults)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "net::ERR" not in said.text and "40" not in said.text
            else None
        ),
    )
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert not complaints


def pixels(page: Page, selector: str = ".frame") -> np.ndarray:
    """What is seen of an element, as int of shape (height, width, 3)."""
    shot = page.locator(selector).first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def tint(grey: float, class_id: int, opacity: float = OPACITY) -> np.ndarray:
    """The colour of a class over a grey."""
    color = CLASSES[class_id][1]
    rgb = np.array([color >> 16, color >> 8 & 255, color & 255])
    return rgb * opacity + grey * (1 - opacity)


def wait_for_state(page: Page, state: str, within: float = 20) -> None:
    page.wait_for_selector(f'.badge[data-state="{state}"]', timeout=within * 1000)


def wait_for_frame(page: Page, *, after: int | None = None) -> None:
    """Wait for a frame, or for one that is not frame `after`."""
    page.wait_for_function(
        "after => (document.querySelector('.card')?.dataset.frame ?? after) !== after",
        arg=None if after is None else str(after),
        timeout=20_000,
    )


def wait_for_text(page: Page, selector: str, text: str) -> None:
    """Wait until an element's text is that."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent === text",
        arg=[selector, text],
        timeout=20_000,
    )


def wait_for_parts(page: Page, selector: str, *parts: str) -> None:
    """Wait until what is seen of an element's text has all of the parts.

    The page draws frames, figures and messages each at its own time.
    """
    page.wait_for_function(
        "([selector, parts]) => { const seen = document.querySelector(selector)?.innerText ?? '';"
        " return parts.every((part) => seen.includes(part)); }",
        arg=[selector, list(parts)],
        timeout=20_000,
    )


def wait_for_count(page: Page, selector: str, count: int) -> None:
    """Wait until so many elements are there."""
    page.wait_for_function(
        "([selector, count]) => document.querySelectorAll(selector).length === count",
        arg=[selector, count],
        timeout=20_000,
    )


def halves(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours in the middles of the left and the right half."""
    height, width = seen.shape[:2]
    return seen[height // 2, width // 4], seen[height // 2, width * 3 // 4]


def shown_number(page: Page) -> int:
    """The id of the frame that the first card shows."""
    return int(page.locator(".card").first.get_attribute("data-frame"))
