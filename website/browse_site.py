"""Opens every page of a built site in Chromium: nothing fails, nothing is loaded from elsewhere.

`browse_site.py FOLDER` prints what is wrong and exits with 1. Diagrams must be drawn.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Error, Request, Response, sync_playwright

DRAWN = "() => document.querySelector('pre.mermaid') === null"
"""The theme replaces the text of a diagram with its picture."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the site on loopback; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def browse(browser: Browser, address: str, pages: Sequence[str]) -> Iterator[str]:
    """Open each page; yields what is wrong, a sentence each."""
    view = browser.new_page()
    wrong: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            wrong.append(f"loads {request.url}, which is elsewhere")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            wrong.append(f"{response.url} is answered with {response.status}")

    view.on("request", on_request)
    view.on("response", on_response)
    view.on("pageerror", lambda error: wrong.append(f"a script fails: {error}"))
    for page in pages:
        wrong.clear()
        view.goto(address + page, wait_until="networkidle")
        try:
            view.wait_for_function(DRAWN)
        except Error:
            wrong.append("a diagram is not drawn")
        yield from (f"{page}: {each}" for each in wrong)


def main(arguments: Sequence[str]) -> int:
    """Open the pages of the folder that is named; the exit status."""
    folder, chromium = Path(arguments[0]), shutil.which("chromium")
    if chromium is None:
        print("chromium is missing; on Debian: apt install chromium", file=sys.stderr)
        return 1
    pages = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.html"))]
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        wrong = list(browse(browser, address, pages))
        browser.close()
    for each in wrong:
        print(each, file=sys.stderr)
    print(f"{len(pages)} pages were opened in Chromium")
    return 1 if wrong or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
