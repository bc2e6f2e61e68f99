"""Who may see the page."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.view.access import is_loopback, new_token, read_token

from ..scripted_daemon import ScriptedDaemon
from .shown_page import shown

TOKEN = "0123456789abcdef-test"  # noqa: S105 # of this test
PATHS = ["/", "/page/main.js", "/live", "/camera", "/stream.mjpg", "/snapshot.jpg"]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8462", "[::1]:8462", "LOCALHOST.", "127.1.2.3"]
)
async def test_without_a_token_this_machines_names_are_answered(
    daemon: ScriptedDaemon, host: str
) -> None:
    async with (
        shown(daemon.address) as page,
        page.browser.get(page.at("/"), headers={"Host": host}) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8462", "10.0.0.7", "", "[::", "localhost.evil.example"]
)
@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_other_names_are_refused(
    daemon: ScriptedDaemon, host: str, path: str
) -> None:
    """Else a page of evil.example could read this one, by giving itself this address."""
    async with (
        shown(daemon.address) as page,
        page.browser.get(page.at(path), headers={"Host": host}) as response,
    ):
        assert response.status in {400, 403}


async def test_pages_of_other_sites_can_neither_post_nor_open_sockets(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address) as page:
        for origin in ("https://evil.example", "null", f"http://127.0.0.1:{page.server.port + 1}"):
            headers = {"Origin": origin}
            async with page.browser.post(page.at("/segment"), data=b"x", headers=headers) as answer:
                assert answer.status == 403
            for path in ("/live", "/camera"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await page.browser.ws_connect(page.at(path), headers=headers)
                assert refused.value.status == 403
        own = {"Origin": page.at(""), "Sec-Fetch-Site": "cross-site"}  # as ws: is not http:
        async with page.socket("/live", headers=own) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT
    assert not daemon.script.frames


@pytest.mark.parametrize("path", PATHS)
async def test_with_a_token_nothing_is_answered_without_it(
    daemon: ScriptedDaemon, path: str
) -> None:
    async with shown(daemon.address, token=TOKEN) as page:
        for more in ("", "?token=", "?token=0123456789abcdef-tesT", "?token=%F0%9F%98%80"):
            async with page.browser.get(page.at(path + more)) as response:
                assert response.status == 401
                assert TOKEN not in await response.text()
        async with page.browser.get(page.at("/page/style.css")) as response:
            assert response.status == 200, "the page that asks for the token is styled"


async def test_the_token_of_the_address_becomes_a_cookie(daemon: ScriptedDaemon) -> None:
    async with shown(daemon.address, token=TOKEN) as page:
        jar = aiohttp.CookieJar(unsafe=True)  # aiohttp keeps none of bare addresses otherwise
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.get(page.at(f"/?token={TOKEN}"), allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (303, "./")
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Lax" in cookie
            async with browser.get(page.at(f"/?token={TOKEN}")) as response:
                assert response.status == 200
                assert "token" not in str(response.url), "it is not shown and not remembered"
            async with browser.ws_connect(page.at("/live")) as socket:
                assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT


async def test_other_programs_give_the_token_as_query_password_or_bearer(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address, token=TOKEN) as page:
        path = "/stream.mjpg"
        ways = [
            {
                "headers": {
                    "Authorization": f"Basic {b64encode(f'anyone:{TOKEN}'.encode()).decode()}"
                }
            },
            {"headers": {"Authorization": f"Bearer {TOKEN}"}},
            {"params": {"token": TOKEN}},
        ]
        for way in ways:
            async with page.browser.get(page.at(path), **way) as response:  # type: ignore[arg-type]
                assert response.status == 404, "there is no source, but who asks may know"
        for header in ("Basic !", "Basic", "Bearer", "Digest x", "Basic eDp5"):
            async with page.browser.get(
                page.at(path), headers={"Authorization": header}
            ) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_foreign_page_gets_nothing_with_the_users_cookie(daemon: ScriptedDaemon) -> None:
    async with shown(daemon.address, token=TOKEN) as page:
        headers = {
            "Cookie": f"edgeseg_view_{page.server.port}={TOKEN}",
            "Origin": "https://evil.example",
        }
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await page.browser.ws_connect(page.at("/live"), headers=headers)
        async with page.browser.post(page.at("/segment"), data=b"x", headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_pages_of_other_sites_show_nothing_of_this_one(
    daemon: ScriptedDaemon, path: str, site: str
) -> None:
    """A picture or a frame in a foreign page; `same-site` is another port of this machine."""
    async with shown(daemon.address) as page:
        for kind in ("image", "iframe"):
            headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind}
            async with page.browser.get(page.at(path), headers=headers) as response:
                assert response.status == 403
                assert "another site" in await response.text()


async def test_links_of_other_sites_lead_to_the_page_and_the_page_shows_its_own_pictures(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address) as page:
        for path, headers, status in (
            ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 200),
            ("/page/main.js", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "script"}, 200),
            ("/", {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, 200),
            ("/snapshot.jpg", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 403),
        ):
            async with page.browser.get(page.at(path), headers=headers) as response:
                assert response.status == status
                assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_pages_of_other_sites_that_have_the_token_show_pictures(
    daemon: ScriptedDaemon,
) -> None:
    """As the picture card of a dashboard does."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
    async with shown(daemon.address, token=TOKEN) as page:
        own = {"Cookie": f"edgeseg_view_{page.server.port}={TOKEN}"}
        for path, more, allowed in (
            (f"/stream.mjpg?token={TOKEN}", {}, "cross-origin"),
            ("/stream.mjpg", own, "same-origin"),
        ):
            async with page.browser.get(page.at(path), headers={**headers, **more}) as response:
                assert response.status == 404, "there is no source, but who asks may know"
                assert response.headers["Cross-Origin-Resource-Policy"] == allowed


async def test_a_name_of_a_host_that_is_not_utf_8_is_refused_too(daemon: ScriptedDaemon) -> None:
    async with shown(daemon.address) as page:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: \xff.example\r\n\r\n")
        assert (await reader.readline()).split()[1] in {b"400", b"403"}
        writer.close()


async def test_files_outside_the_page_are_not_served(daemon: ScriptedDaemon) -> None:
    async with shown(daemon.address) as page:
        for path in ("/page/__init__.py", "/page/..%2Fserver.py", "/page/token.txt", "/page/"):
            async with page.browser.get(page.at(path)) as response:
                assert response.status == 404
        async with page.browser.get(page.at("/page/main.js")) as response:
            assert response.content_type == "text/javascript"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "content", ["", "short\n", "x" * 40 + "\ny", "sixteen letters é", "a b " * 9]
)
def test_a_file_without_a_token_says_how_to_make_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequest, match="openssl rand -hex 16"):
        read_token(file)


def test_a_token_is_read_without_the_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\r\n")
    assert read_token(file) == TOKEN
    assert new_token() != new_token()
    assert len(new_token()) >= 32


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *((one, True) for one in ("127.0.0.1", "::1", "localhost", "Localhost.")),
        *((one, False) for one in ("0.0.0.0", "::", "192.168.1.2", "board.lan", "")),  # noqa: S104
    ],
)
def test_only_this_machines_addresses_are_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
