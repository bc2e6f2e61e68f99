"""A real Home Assistant, connected to a broker."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "tests" / "system" / "home_assistant.py"
START_SECONDS = 90.0
WAIT_SECONDS = 60.0


class RunningHomeAssistant:
    """Its `version`, and what its users see.

    `make .home-assistant/.ready` installs it; EDGESEG_HOME_ASSISTANT is another folder that
    scripts/make-home-assistant has made. Skips the test where it is not installed.
    """

    def __init__(self, port: int) -> None:
        folder = Path(os.environ.get("EDGESEG_HOME_ASSISTANT", PROJECT / ".home-assistant"))
        python = folder / "python"
        if not python.exists():
            pytest.skip(f"Home Assistant is not in {folder}: make .home-assistant/.ready")
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [python, "-c", SCRIPT.read_text(), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin, self._stdout, self._stderr = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )
        self._reader = threading.Thread(target=lambda: self.log.extend(self._stderr))
        self._reader.start()
        try:
            self.version = str(self._read())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(BrokenPipeError):  # it has ended by itself
            self._stdin.close()
        try:
            self._process.wait(WAIT_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._stdout.close()
            self._stderr.close()

    def states(self) -> dict[str, dict[str, str]]:
        """State and attributes of each MQTT entity, by unique id."""
        found: dict[str, dict[str, str]] = self._ask(states=True)
        return found

    def state(self, unique_id: str) -> str | None:
        """The state of an entity; None if there is no such entity."""
        return self.states().get(unique_id, {}).get("state")

    def devices(self) -> dict[str, dict[str, str]]:
        """Each MQTT device, by identifier."""
        found: dict[str, dict[str, str]] = self._ask(devices=True)
        return found

    def faults(self, description: str) -> list[str]:
        """What its schemas have against a description of a device."""
        found: list[str] = self._ask(check=description)
        return found

    def image(self, entity_id: str) -> tuple[str, bytes]:
        """The content type and the bytes of an image entity's picture."""
        kind, content = self._ask(image=entity_id)
        return kind, base64.b64decode(content)

    def automate(self, config: str) -> list[str]:
        """Adds automations in YAML, a list of them; returns those that are on."""
        found: list[str] = self._ask(automation=config)
        return found

    def set_state(self, entity_id: str, state: str) -> None:
        """The state of an entity that is not of MQTT."""
        self._ask(set=[entity_id, state])

    def notifications(self) -> list[str]:
        """The messages of its notifications."""
        found: list[str] = self._ask(notifications=True)
        return found

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Asks again and again: what it does is seen from outside only."""
        give_up = time.monotonic() + WAIT_SECONDS
        while not true():
            assert time.monotonic() < give_up, (self.notifications(), self.log[-12:])
            time.sleep(0.1)

    def wait_for_state(self, unique_id: str, *wanted: str | None) -> None:
        """Waits until the entity has one of these states."""
        self.wait_for(lambda: self.state(unique_id) in wanted)

    def _ask(self, **question: object) -> Any:  # noqa: ANN401  # JSON
        self._stdin.write(json.dumps(question) + "\n")
        self._stdin.flush()
        return self._read()

    def _read(self) -> Any:  # noqa: ANN401  # JSON
        line = self._stdout.readline()
        assert line, "".join(self.log)
        return json.loads(line)
