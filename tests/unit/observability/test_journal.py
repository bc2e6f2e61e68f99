"""Records as the journal gets them, over a real datagram socket."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesegd.core.log_fields import log_fields
from edgesegd.observability.journal import JournalHandler, is_journal


class Journal:
    """A socket that takes records, and a logger that sends them there."""

    def __init__(self, address: str) -> None:
        self.elsewhere = io.StringIO()
        self.handler = JournalHandler(logging.StreamHandler(self.elsewhere), address)
        self.log = logging.Logger("edgesegd.test")
        self.log.addHandler(self.handler)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def record(self) -> dict[str, str]:
        """The fields of the next record."""
        return dict(fields(self.socket.recv(1 << 20)))


def fields(datagram: bytes) -> Iterator[tuple[str, str]]:
    """What the Journal Native Protocol says of a datagram; each name is there once."""
    names = set()
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, is_line, value = line.partition(b"=")
        if not is_line:
            (length,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest.startswith(b"\n")
            rest = rest[1:]
        assert name not in names
        names.add(name)
        yield name.decode(), value.decode()
        datagram = rest


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(str(tmp_path / "socket"))
    yield opened
    opened.handler.close()
    opened.socket.close()


def test_a_record_has_a_message_a_priority_and_what_is_known_of_its_subject(
    journal: Journal,
) -> None:
    about = log_fields(model="deeplabv3", delegate="edgetpu", cause="hang")
    journal.log.warning("%s failed", "edgetpu", extra=about)
    assert journal.record() == {
        "MESSAGE": "edgetpu failed",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edgesegd",
        "LOGGER": "edgesegd.test",
        "EDGESEG_MODEL": "deeplabv3",
        "EDGESEG_DELEGATE": "edgetpu",
        "EDGESEG_CAUSE": "hang",
    }
    journal.log.info("cpu serves", extra=log_fields(model="deeplabv3", delegate="cpu"))
    assert "EDGESEG_CAUSE" not in journal.record()
    journal.log.info("draining")
    assert not any(name.startswith("EDGESEG_") for name in journal.record())


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)],
)
def test_each_level_is_a_priority_of_syslog(journal: Journal, level: str, priority: int) -> None:
    journal.log.log(logging.getLevelNamesMapping()[level], "said")
    assert journal.record()["PRIORITY"] == str(priority)


@pytest.mark.parametrize(
    "text", ["two\nlines", "\n", "ends\n", "=", "MESSAGE=a\nPRIORITY=0", "schräg 🎥", "x" * 50_000]
)
def test_no_text_can_be_taken_for_another_field(journal: Journal, text: str) -> None:
    journal.log.error("%s", text)
    assert journal.record()["MESSAGE"] == text


def test_what_is_no_unicode_is_escaped(journal: Journal) -> None:
    journal.log.error("a file named %s", os.fsdecode(b"\xff.tflite"))
    assert journal.record()["MESSAGE"] == "a file named \\udcff.tflite"


def test_a_traceback_is_part_of_the_message(journal: Journal) -> None:
    try:
        int("odd")
    except ValueError:
        journal.log.exception("a frame failed")
    first, *_, last = journal.record()["MESSAGE"].splitlines()
    assert first == "a frame failed"
    assert last.startswith("ValueError: ")


def test_a_record_that_the_journal_does_not_take_is_written_elsewhere(journal: Journal) -> None:
    longer_than_a_datagram = "x" * (8 << 20)
    journal.log.error(longer_than_a_datagram)
    assert journal.elsewhere.getvalue() == longer_than_a_datagram + "\n"
    journal.log.error("short again")
    assert journal.record()["MESSAGE"] == "short again"
    journal.socket.close()
    journal.log.error("nobody listens")
    assert journal.elsewhere.getvalue().endswith("nobody listens\n")


def test_a_journal_that_reads_nothing_does_not_block_the_daemon(journal: Journal) -> None:
    count = 10_000  # many more than the kernel keeps for a socket
    for number in range(count):
        journal.log.error("%d", number)
    written = journal.elsewhere.getvalue().splitlines()
    assert 0 < len(written) < count
    assert int(journal.record()["MESSAGE"]) == 0


def test_stderr_is_the_journal_only_if_it_is_the_stream_that_systemd_named() -> None:
    reading, writing = os.pipe()
    try:
        stream = os.fstat(writing)
        named = f"{stream.st_dev}:{stream.st_ino}"
        assert is_journal({"JOURNAL_STREAM": named}, writing)
        assert not is_journal({"JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino + 1}"}, writing)
        for wrong in ("", ":", "1", "a:b", f"{named}:1", f"-{named}"):
            assert not is_journal({"JOURNAL_STREAM": wrong}, writing)
        assert not is_journal({}, writing)
    finally:
        os.close(reading)
        os.close(writing)
    assert not is_journal({"JOURNAL_STREAM": named}, writing)


def test_the_frames_of_a_stream_are_one_field(journal: Journal) -> None:
    about = log_fields(peer="10.0.0.7", stream="front", frames={"ok": 100, "superseded": 3})
    journal.log.info("closed", extra=about)
    record = journal.record()
    assert record["EDGESEG_FRAMES"] == "ok=100 superseded=3"
    assert (record["EDGESEG_PEER"], record["EDGESEG_STREAM"]) == ("10.0.0.7", "front")
    assert "EDGESEG_REASON" not in record


SCRIPT = """
import logging, os
from edgesegd.observability import journal, logs
stream = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{stream.st_dev}:{stream.st_ino + %d}"
logs.set_up_logging("info", "%s")
[limited] = logging.getLogger().handlers
print(type(limited._writer).__name__, type(limited._writer.formatter).__name__)
"""


@pytest.mark.parametrize(
    ("other", "form", "writer"),
    [
        (0, "text", "JournalHandler NoneType"),
        (0, "json", "JournalHandler JsonFormatter"),
        (1, "text", "StreamHandler Formatter"),
        (1, "json", "StreamHandler JsonFormatter"),
    ],
)
def test_the_log_goes_to_the_journal_if_stderr_does(other: int, form: str, writer: str) -> None:
    command = [sys.executable, "-c", SCRIPT % (other, form)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{writer}\n"
