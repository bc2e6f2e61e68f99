"""The log as lines of JSON."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest

from edgesegd.core.log_fields import log_fields
from edgesegd.observability.json_log import JsonFormatter

SCRIPT = """
import logging
from edgesegd.core.log_fields import log_fields
from edgesegd.observability.logs import set_up_logging
set_up_logging("info", "json")
log = logging.getLogger("edgesegd.test")
log.info("stream %d\\nopened", 7, extra=log_fields(peer="10.0.0.7", frames={"ok": 2}))
try:
    1 / 0
except ZeroDivisionError:
    log.exception("Küche")
"""


def test_each_record_is_one_line_whatever_is_in_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    first, second = map(json.loads, done.stderr.splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "edgesegd.test",
        "message": "stream 7\nopened",
        "peer": "10.0.0.7",
        "frames": {"ok": 2},
    }
    assert (second["level"], second["message"]) == ("error", "Küche")
    assert second["traceback"].startswith("Traceback (most recent call last):")
    assert second["traceback"].endswith("ZeroDivisionError: division by zero")


def test_the_time_of_a_record_is_utc_with_milliseconds() -> None:
    record = logging.LogRecord("edgesegd", logging.INFO, "", 0, "text", (), None)
    record.created = 1_700_000_000.25
    assert json.loads(JsonFormatter().format(record))["time"] == "2023-11-14T22:13:20.250Z"


@pytest.mark.parametrize("text", ["\ud800", "\x00\x1b[31m", '"}\n{'])
def test_no_text_breaks_the_line(text: str) -> None:
    record = logging.LogRecord("edgesegd", logging.INFO, "", 0, "%s", (text,), None)
    record.__dict__.update(log_fields(peer=text))
    line = JsonFormatter().format(record)
    line.encode()
    assert "\n" not in line
    assert json.loads(line)["message"] == json.loads(line)["peer"]
