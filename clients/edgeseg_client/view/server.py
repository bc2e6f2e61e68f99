"""The page's HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from typing import Any, Final

from aiohttp import web

from edgeseg_client.aio import AsyncClient
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.view.access import Access, Handler
from edgeseg_client.view.camera_pages import CameraPages
from edgeseg_client.view.camera_socket import CameraLimits, CameraSocket
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.live_socket import LiveSocket
from edgeseg_client.view.page_files import PUBLIC, PageFiles
from edgeseg_client.view.upload import MAX_BYTES, Upload

STOP_SECONDS: Final = 0.4
"""How long open requests may take to end."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class PageServer:
    """Serves a hub on `host` and `port`; port 0 picks a free one, which `port` is after `start`.

    `options` are those of single pictures, `streams` those of streams. Without a `token` only this
    machine may see the page. With `tls` it is served over HTTPS.
    """

    def __init__(
        self,
        hub: Hub,
        client: AsyncClient,
        *,
        options: dict[str, Any],
        streams: dict[str, Any],
        host: str,
        port: int,
        token: str | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.camera_limits = CameraLimits()
        self._hub = hub
        self._client = client
        self._options = options
        self._streams = streams
        self._token = token
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._page = PageFiles()
        self._access = self._new_access()

    async def start(self) -> None:
        """Listen; raises `InvalidRequest` if that is not possible."""
        listening = web.AppRunner(self._application(), access_log=None)
        self._runner = listening
        await listening.setup()
        site = web.TCPSite(listening, self.host, self.port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError as error:
            await listening.cleanup()
            raise InvalidRequest(
                f"cannot listen on {self.host}, port {self.port}: {_reason(error)}; choose another"
                " address with --listen"
            ) from None
        self.port = int(listening.addresses[0][1])
        self._access = self._new_access()

    async def close(self) -> None:
        """End all requests, then stop listening."""
        self._hub.stop()
        if self._runner is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._runner.cleanup()

    def url_at(self, host: str) -> str:
        """The page's address with one of the machine's names, without the token."""
        scheme = "https" if self._tls else "http"
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{self.port}/"

    def _new_access(self) -> Access:
        return Access(
            self._token,
            page=self._page.text("token.html"),
            port=self.port,
            secure=self._tls is not None,
        )

    def _application(self) -> web.Application:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == f"/page/{PUBLIC}":
                return await handler(request)
            return await self._access.check(request, handler)

        application = web.Application(middlewares=[check])
        application.on_response_prepare.append(self._add_headers)
        application.add_routes(self._routes())
        return application

    def _routes(self) -> list[web.RouteDef]:
        page, cameras = self._page, CameraPages(self._hub)
        upload = Upload(self._client, self._options, self._limit)
        return [
            web.get("/", page.index),
            web.get("/page/{name}", page.file),
            web.get("/live", self._live),
            web.get("/camera", self._camera),
            web.get("/stream.mjpg", cameras.stream),
            web.get("/snapshot.jpg", cameras.snapshot),
            web.post("/segment", upload.segment),
        ]

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        who = "cross-origin" if self._access.may_be_embedded(request) else "same-origin"
        response.headers.update({**_HEADERS, "Cross-Origin-Resource-Policy": who})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return await LiveSocket(self._hub).serve(request)

    async def _camera(self, request: web.Request) -> web.StreamResponse:
        socket = CameraSocket(
            self._client,
            self._hub,
            self._streams,
            largest=self._limit(),
            limits=self.camera_limits,
        )
        return await socket.serve(request)

    def _limit(self) -> int:
        """The largest picture that is accepted from a browser, in bytes."""
        return min(self._hub.watch.info.max_frame_bytes or MAX_BYTES, MAX_BYTES)


def _reason(error: OSError) -> str:
    """Why it is not possible, without the address, which asyncio repeats."""
    if str(error).startswith("could not bind on any address"):  # asyncio of Python 3.13
        return os.strerror(errno.EADDRNOTAVAIL)
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
