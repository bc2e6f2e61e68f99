"""A real Alertmanager on one of the hosts of `two_hosts`, and the webhook that it sends to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support import webhook
from support.announced_daemons import get, until
from support.running_fleet import DEPLOY

FILE = DEPLOY / "prometheus/alertmanager.yml"
ADDRESS = "127.0.0.1:9093"
"""Where the shipped prometheus.yml sends alerts."""


def installed(*names: str) -> str:
    """The path of the first of these programs; skips the test if none is there."""
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"{names[0]} is missing; on Debian: apt install prometheus-alertmanager")
    return program


class Webhook:
    """What Alertmanager has sent, one message after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = iter(process.stdout)
        self.url = next(self._lines).strip()

    def next(self) -> dict[str, Any]:
        """The next message, as Alertmanager's webhook has it; waits for it."""
        message: dict[str, Any] = json.loads(next(self._lines))
        return message


@contextmanager
def running_webhook(host: Sequence[str]) -> Iterator[Webhook]:
    """A server on a host that takes messages."""
    with subprocess.Popen(
        [*host, sys.executable, webhook.__file__], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Webhook(process)
        finally:
            process.terminate()


@contextmanager
def running_alertmanager(host: Sequence[str], folder: Path, url: str) -> Iterator[Path]:
    """Alertmanager with the shipped configuration, which sends to `url` without the pauses.

    It is ready; gives its log.
    """
    program = installed("prometheus-alertmanager", "alertmanager")
    text = FILE.read_text(encoding="utf-8")
    for shipped, ours in (
        ("http://127.0.0.1:8080/alerts", url),
        ("group_wait: 30s", "group_wait: 1s"),
        ("group_wait: 10s", "group_wait: 1s"),
        ("group_interval: 5m", "group_interval: 1s"),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    config, log = folder / "alertmanager.yml", folder / "alertmanager.log"
    config.write_text(text, encoding="utf-8")
    flags = (
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={ADDRESS}",
        "--cluster.listen-address=",  # there is one
    )
    with (
        log.open("wb") as output,
        subprocess.Popen([*host, program, *flags], stdout=output, stderr=output) as process,
    ):
        try:
            until(lambda: get(host, f"http://{ADDRESS}/-/ready"), lambda answer: answer is not None)
            yield log
        finally:
            process.terminate()
