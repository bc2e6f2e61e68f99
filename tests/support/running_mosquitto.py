"""A real broker, and a client of it that remembers what it got."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

WAIT_SECONDS = 60.0


class RunningMosquitto:
    """Mosquitto on a free port of loopback; it keeps nothing on disk, so a restart forgets all.

    `settings` are more lines of its configuration. Skips the test where it is not installed.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        # Debian has it where only root's PATH leads.
        self._program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if self._program is None:
            pytest.skip("mosquitto is missing; on Debian: apt install mosquitto")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        lines = (f"listener {self.port} 127.0.0.1", "user root", *settings)
        if not any(line.startswith("password_file") for line in settings):
            lines += ("allow_anonymous true",)
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address without a user."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it; it is ready afterwards."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except ConnectionRefusedError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < give_up, self._log.read_text()
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Ends it without a farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class Received:
    """A message; `kept` if the broker had it before the listener subscribed."""

    topic: str
    payload: bytes
    kept: bool

    @property
    def text(self) -> str:
        """The payload as text."""
        return self.payload.decode()


class Listener:
    """Subscribes to everything and remembers it, in order; `latest` is by topic."""

    def __init__(self, port: int, login: tuple[str, str] | None = None) -> None:
        paho = pytest.importorskip("paho.mqtt.client", reason="pip install paho-mqtt")
        options: dict[str, Any] = {}
        if hasattr(paho, "CallbackAPIVersion"):
            options["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
        self.received: list[Received] = []
        self.latest: dict[str, str] = {}
        self._changed = threading.Condition()
        self._client = paho.Client(**options)
        if login:
            self._client.username_pw_set(*login)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publishes as any other client would; returns when the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_SECONDS)

    def wait_for(self, true: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
        """Waits until it is true after a message."""
        with self._changed:
            happened = self._changed.wait_for(true, WAIT_SECONDS)
        assert happened, f"{what()}\n{self.latest}"

    def wait_for_text(self, topic: str, *texts: str) -> None:
        """Waits until the latest message of the topic is one of these."""
        self.wait_for(lambda: self.latest.get(topic) in texts, lambda: f"{topic}: {texts}")

    def messages(self, topic: str, since: int = 0) -> Sequence[Received]:
        """All messages of a topic, or those after the first `since` messages of all topics."""
        return [each for each in self.received[since:] if each.topic == topic]

    def _on_message(self, _client: object, _userdata: object, message: Any) -> None:  # noqa: ANN401  # of both versions
        with self._changed:
            got = Received(message.topic, bytes(message.payload), bool(message.retain))
            self.received.append(got)
            self.latest[got.topic] = got.payload.decode(errors="replace")
            self._changed.notify_all()
