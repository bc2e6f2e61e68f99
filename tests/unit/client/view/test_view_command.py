"""`edgeseg view` as users run it."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from edgeseg_client.cli import main
from support.camera import Camera
from support.pictures import file_of

from ..scripted_daemon import ScriptedDaemon

JPEG = file_of(Image.new("RGB", (64, 48), "teal"), "JPEG")


@contextmanager
def viewing(
    daemon: ScriptedDaemon, *arguments: object, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address that it printed last."""
    command = [sys.executable, "-m", "edgeseg_client", "view", *map(str, arguments)]
    running = subprocess.Popen(
        [*command, "--server", daemon.address, "--listen", listen],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("view on http"), running.communicate()
        yield running, line.removeprefix("view on ").strip()
    finally:
        running.kill()
        running.wait()
        for pipe in (running.stdin, running.stdout, running.stderr):
            if pipe is not None:
                pipe.close()


def get(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_shows_a_camera_until_a_signal(
    daemon: ScriptedDaemon, number: signal.Signals
) -> None:
    with (
        Camera([JPEG]).running() as camera,
        viewing(daemon, f"porch={camera.address()}") as (running, address),
    ):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert b"<title>edgeseg view</title>" in get(address)[1]
        assert get(f"{address}snapshot.jpg?source=porch")[1][:3] == b"\xff\xd8\xff"
        with urllib.request.urlopen(f"{address}stream.mjpg", timeout=20) as stream:
            stream.read(100)
            running.send_signal(number)
            output, errors = running.communicate(timeout=10)
            assert (running.returncode, output, errors) == (0, "", "")


def test_without_a_source_the_page_is_for_pictures(daemon: ScriptedDaemon) -> None:
    with viewing(daemon) as (_, address):
        status, answer = get(f"{address}snapshot.jpg")
        assert (status, answer) == (
            404,
            b"there is no source ''; there are: none; start it with one: edgeseg view SOURCE\n",
        )
        request = urllib.request.Request(f"{address}segment", JPEG)
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == 200


def test_an_address_for_others_needs_the_token_that_is_printed(daemon: ScriptedDaemon) -> None:
    with viewing(daemon, listen="0.0.0.0:0") as (_, address):
        assert re.search(r"\?token=[\w-]{32}$", address)
        port = re.search(r":(\d+)/", address)[1]  # type: ignore[index]
        token = address.partition("?")[2]
        assert get(f"http://127.0.0.1:{port}/")[0] == 401
        assert get(f"http://127.0.0.1:{port}/page/main.js?{token}")[0] == 200


def test_the_token_of_a_file_is_used_on_loopback_too(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("sixteen-letters-or-more\n")
    with viewing(daemon, "--token-file", tmp_path / "token") as (_, address):
        plain, _, hint = address.partition(", ")
        assert hint == f"with the token in {tmp_path / 'token'}", "journals keep what is printed"
        assert get(plain)[0] == 401
        assert get(f"{plain}page/main.js?token=sixteen-letters-or-more")[0] == 200


def test_the_page_is_served_over_https_with_a_certificate(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [*made, "-nodes", *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    with viewing(daemon, "--page-cert", certificate, "--page-key", key) as (_, address):
        assert address.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(address, timeout=20, context=trusting) as response:
            assert b"<title>edgeseg view</title>" in response.read()


def test_the_page_ends_with_the_process_that_started_it(daemon: ScriptedDaemon) -> None:
    with viewing(daemon, "--with-parent") as (running, _):
        assert running.stdin is not None
        running.stdin.write("still here")
        running.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.3)
        running.stdin.close()
        assert running.wait(10) == 0


def test_a_camera_that_is_not_there_yet_is_waited_for(daemon: ScriptedDaemon) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with viewing(daemon, f"porch=http://127.0.0.1:{port}/video", "--wait", "0.1") as (_, address):
        status, answer = get(f"{address}snapshot.jpg")
        assert status == 503
        assert b"Connection refused" in answer
        with Camera([JPEG], port).running():
            for _ in range(200):
                if get(f"{address}snapshot.jpg")[0] == 200:
                    return
                time.sleep(0.05)
    pytest.fail("the camera was not found")


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["nothing.mp4"], 2, "there is no nothing.mp4; give a folder"),
        (["http://a.lan/", "http://a.lan/"], 2, "two sources are called a.lan; name them"),
        (["--listen", "8462"], 2, "has no port; write HOST:PORT"),
        (["--listen", "192.0.2.1:8462"], 2, "cannot listen on 192.0.2.1, port 8462: Cannot assign"),
        (["--page-key", "key.pem"], 2, "--page-key needs --page-cert"),
        (["--page-cert", "/dev/null"], 2, "/dev/null cannot be used"),
        (["--token-file", "/dev/null"], 2, "has no token of at least 16 ASCII characters"),
        (["--model", "other"], 2, "the daemon serves no model 'other'; it serves: toy"),
        (["-", "--with-parent"], 2, "the daemon has no MJPEG on standard input"),
        (["--page-cert", "nope.pem"], 2, "nope.pem cannot be used: No such file or directory"),
        (["--size", "model", "--resize", "crop"], 2, "masks of --size model do not cover the"),
        (["--fps", "0"], 2, "the value must be more than 0"),
    ],
)
def test_what_cannot_be_shown_is_one_line_that_says_what_to_do(
    daemon: ScriptedDaemon,
    arguments: list[str],
    code: int,
    advice: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        ended = main(["view", "--server", daemon.address, *arguments])
    except SystemExit as error:
        ended = int(error.code or 0)
    assert ended == code
    assert advice in capsys.readouterr().err.splitlines()[-1]


def test_a_port_in_use_is_said(daemon: ScriptedDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        address = f"127.0.0.1:{used.getsockname()[1]}"
        assert main(["view", "--server", daemon.address, "--listen", address]) == 2
    assert "Address already in use; choose another address" in capsys.readouterr().err


def test_without_a_daemon_the_command_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["view", "--server", "127.0.0.1:9", "--wait", "0.1"]) == 3
    assert "start one with `edgesegd serve`" in capsys.readouterr().err


def test_without_aiohttp_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "aiohttp" or "view_page" in name or ".view." in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert main(["view"]) == 2
    assert "pip install 'edgeseg[view]'" in capsys.readouterr().err


def test_importing_the_command_does_not_import_aiohttp() -> None:
    code = "import sys, edgeseg_client.cli; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, None])
def test_while_it_waits_for_the_daemon_it_ends_at_once_too(ending: signal.Signals | None) -> None:
    """With a signal, or (None) with the process that started it."""
    with socket.socket() as silent:  # accepts connections, and answers nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        more = ["--with-parent"] if ending is None else []
        command = [sys.executable, "-m", "edgeseg_client", "view", "--server", server, *more]
        with subprocess.Popen(
            [*command, "--wait", "600", "--listen", "127.0.0.1:0"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            try:
                silent.settimeout(60)
                connection, _ = silent.accept()  # so it waits for the answer
                with connection:
                    if ending is not None:
                        running.send_signal(ending)
                    assert running.stdin is not None
                    running.stdin.close()
                    assert running.wait(20) == 0
                    assert running.stderr is not None
                    assert running.stderr.read() == b""
            finally:
                running.kill()
