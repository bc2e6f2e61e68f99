"""Who may see the page: with a token anybody who has it, without one only this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.view.plain_text import encodable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MIN_TOKEN: Final = 16
"""Characters that a token has at least: a shorter one could be guessed."""
COOKIE_SECONDS: Final = 30 * 24 * 3600
_WRONG: Final = "<!-- wrong -->"
"""Where the page says that a token is wrong."""


def new_token() -> str:
    """A random token."""
    return secrets.token_urlsafe(24)


def read_token(file: Path) -> str:
    """The token in a file; raises `InvalidRequest` if it is none, or `OSError`."""
    token = file.read_text(encoding="utf-8", errors="replace").strip()
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidRequest(
            f"{file} has no token of at least {MIN_TOKEN} ASCII characters; make one:"
            f" openssl rand -hex 16 > {file}"
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host.rstrip(".").casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """Lets requests through that have the token; None: those to this machine's own names.

    The token comes as `?token=`, as a cookie, as a bearer token or as the password of HTTP's basic
    authentication. Without one, a host's name that is not this machine's is refused: with a name of
    its own that leads here, a foreign page could read this one (DNS rebinding). Nor may foreign
    pages show anything of this one, only link to it. Requests that change something, and
    WebSockets, may not come from foreign pages either.

    `page` is the HTML that asks for the token. `port` is that of the server, whose cookie is its
    own. With `secure` browsers send the cookie over TLS only.
    """

    def __init__(self, token: str | None, *, page: str, port: int, secure: bool) -> None:
        self._token = token
        self._page = page
        self._cookie = f"edgeseg_view_{port}"  # cookies are shared by all ports of a host
        self._secure = secure

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer of `handler`; 401 if the token is missing, 403 and why if it may not be given.

        A token in the address of the page is moved into a cookie, by 303.
        """
        if self._token is None:
            if not is_loopback(_host_name(request.host)):
                return _refuse(
                    f"{request.host} is not a name of this machine; to open this page from"
                    " elsewhere, start it with --listen or --token-file"
                )
            if not _is_websocket(request) and _is_embedded(request):
                return _refuse(
                    "a page of another site may show this only with a token; start `edgeseg view`"
                    " with --token-file"
                )
        elif not self._has_token(request):
            return self._ask(request)
        changes = request.method not in {"GET", "HEAD"} or _is_websocket(request)
        if changes and not _is_own_page(request):
            return _refuse("this request comes from a page of another site")
        if self._token is not None and request.path == "/" and "token" in request.query:
            return self._keep_token()
        return await handler(request)

    def may_be_embedded(self, request: web.Request) -> bool:
        """Whether pages of other sites may show the answer: they know the token themselves."""
        return self._token is not None and self._is_token(request.query.get("token"))

    def _has_token(self, request: web.Request) -> bool:
        return any(
            self._is_token(given)
            for given in (
                request.query.get("token"),
                request.cookies.get(self._cookie),
                _authorization(request),
            )
        )

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(
            given.encode(errors="replace"), (self._token or "").encode()
        )

    def _keep_token(self) -> web.Response:
        """Move the token from the address, which is shown and remembered, into a cookie."""
        moved = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "./"})
        moved.set_cookie(
            self._cookie,
            self._token or "",
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )
        return moved

    def _ask(self, request: web.Request) -> web.Response:
        status = HTTPStatus.UNAUTHORIZED
        if request.path == "/":
            wrong = "token" in request.query
            page = self._page.replace(_WRONG, "That is not the token." if wrong else "")
            return web.Response(status=status, text=page, content_type="text/html")
        # With this header, programs that show cameras ask their users for the password.
        headers = {"WWW-Authenticate": 'Basic realm="edgeseg view"'}
        if _is_websocket(request):
            headers = {}
        return web.Response(status=status, text="the token is missing\n", headers=headers)


def _refuse(why: str) -> web.Response:
    return web.Response(status=HTTPStatus.FORBIDDEN, text=encodable(why) + "\n")


def _host_name(host: str) -> str:
    """The name or address in a Host header, without the port; empty if it has none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").casefold() == "websocket"


def _is_own_page(request: web.Request) -> bool:
    """Whether the request comes from this page, or from a program that is no browser."""
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2].casefold() == request.host.casefold()


def _is_embedded(request: web.Request) -> bool:
    """Whether a page of another site shows the answer, as browsers say; a link is none.

    Not for WebSockets: some browsers take ws: for another site than http:, and all say in `Origin`
    which page asks.
    """
    if request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        return False
    is_link = request.headers.get("Sec-Fetch-Dest") == "document" and request.path == "/"
    return not is_link


def _authorization(request: web.Request) -> str | None:
    """The bearer token or the password; None without one."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.casefold() == "bearer":
        return given.strip()
    if kind.casefold() != "basic":
        return None
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
