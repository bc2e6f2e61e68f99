"""The page behind nginx, configured as docs/view.md says, below a path of its own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.browser import Browser, Viewing
from support.camera import Camera
from support.view_page import PICTURES, opened, wait_for_frame, wait_for_state

pytestmark = [pytest.mark.system, pytest.mark.slow]

PAGE = Path(__file__).parents[3] / "docs" / "view.md"
CONFIGURATION = """
daemon off;
worker_processes 1;
error_log stderr;
pid {folder}/pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {location}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, upstream: str) -> Iterator[int]:
    """Runs with the location of the page, for the page at `upstream`; gives its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("needs nginx: apt-get install nginx-light")
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    location = found[1].replace("127.0.0.1:8462", upstream)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, location=location))
    with subprocess.Popen([program, "-p", str(folder), "-c", str(file)]) as running:
        try:
            yield port
        finally:
            running.terminate()


def test_the_page_works_below_a_path_of_a_proxy(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    token = "a token of this test".replace(" ", "-")
    (tmp_path / "token").write_text(token)
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}", "--token-file", tmp_path / "token") as view,
        nginx(tmp_path, view.listen) as port,
    ):
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        with opened(browser, f"http://127.0.0.1:{port}/view/?token={token}") as page:
            wait_for_frame(page)
            wait_for_state(page, "live")
            assert page.url == f"http://127.0.0.1:{port}/view/"
            page.locator("#file").set_input_files(
                {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": PICTURES[3]}
            )
            page.wait_for_function(
                "() => document.querySelector('.position').textContent.startsWith('a.jpg')"
            )
