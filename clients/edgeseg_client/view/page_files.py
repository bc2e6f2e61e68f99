"""The files of the page, which are in this package."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from aiohttp import web

_KINDS: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
PUBLIC: Final = "style.css"
"""The only file that is shown without the token: the page that asks for it uses it."""


class PageFiles:
    """Serves `index.html` and what it refers to, from memory."""

    def __init__(self) -> None:
        self._files = {
            file.name: (file.read_bytes(), _KINDS[_ending(file.name)])
            for file in files(__package__).joinpath("page").iterdir()
            if _ending(file.name) in _KINDS
        }

    def text(self, name: str) -> str:
        """A file as text."""
        return self._files[name][0].decode()

    async def index(self, _request: web.Request) -> web.Response:
        """The page."""
        return self._response("index.html")

    async def file(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        return self._response(name)

    def _response(self, name: str) -> web.Response:
        body, kind = self._files[name]
        # After an update the page and its scripts must fit each other.
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)


def _ending(name: str) -> str:
    return name[name.rfind(".") :]
