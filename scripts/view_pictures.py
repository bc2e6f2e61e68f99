#!/usr/bin/env python3
"""Makes the pictures of the page in docs/view.md: drawn scenes, the built-in model, Chromium.

`make docs-pictures` runs it.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "training"))

from scenes import draw_scene  # noqa: E402 # not installed

DOCS = ROOT / "docs"
SCENES = {"garden": (0, 21, 23, 7), "porch": (121, 100, 119, 112)}
"""The seeds of the scenes that each source shows."""
SIZE = (960, 600)
FPS = "12"
SECONDS = 14
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LARGEST = (1400, 930)
"""Pixels of a picture in the docs: a phone's is shown at about the size that it has in a hand."""
DESKTOP = {"viewport": {"width": 1400, "height": 880}, "color_scheme": "light"}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "color_scheme": "dark",
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@contextmanager
def running(*command: str, ready: str) -> Iterator[str]:
    """Run a command until the context ends.

    Yields the last word of its first line that begins with `ready`.
    """
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if line.startswith(ready)).split()[-1]
        finally:
            process.terminate()


def draw_sources(folder: Path) -> list[str]:
    """A folder of scenes for each source, as the command gets it."""
    for name, seeds in SCENES.items():
        (folder / name).mkdir()
        for number, seed in enumerate(seeds):
            picture = Image.fromarray(draw_scene(seed, SIZE).image)
            picture.save(folder / name / f"{number}.jpg", quality=92)
    return [f"{name}={folder / name}" for name in SCENES]


def photograph(browser: Any, address: str, options: dict[str, Any], *, name: str) -> None:  # noqa: ANN401 # playwright's
    """Open the page, let it run for `SECONDS`, and save what it shows as docs/NAME."""
    page = browser.new_context(**options).new_page()
    page.goto(address)
    page.wait_for_timeout(SECONDS * 1000)
    page.get_by_role("button", name="Hide this note").click()
    shot = page.screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture.thumbnail(LARGEST)
    picture.save(DOCS / name, quality=88, optimize=True, progressive=True)
    print(f"docs/{name}: {picture.width} x {picture.height}")


def main() -> None:
    """Make all pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("a browser is missing: apt-get install chromium")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sources = draw_sources(folder)
        serve = ("edgesegd", "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "")
        data = ("--data-dir", str(folder / "data"), "--delegate", "cpu")
        server = stack.enter_context(running(*serve, *data, ready="listening on"))
        view = ("edgeseg_client", "view", "--server", server, "--listen", "127.0.0.1:0")
        address = stack.enter_context(running(*view, "--fps", FPS, *sources, ready="view on"))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        photograph(browser, address, DESKTOP, name="view.jpg")
        photograph(browser, address, PHONE, name="view-phone.jpg")
        browser.close()


if __name__ == "__main__":
    main()
