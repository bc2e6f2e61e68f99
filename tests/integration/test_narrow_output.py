"""What the commands print can be read at 40 columns, in a pipe, and by programs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from support.running_daemon import RunningDaemon

NARROW = 40
COMMANDS = (
    ("probe", "--threads=1"),
    ("models", "list"),
    ("models", "list", "--published"),
    ("models", "info"),
    ("models", "check", "builtin"),
    ("config",),
)
ESCAPE = "\x1b"
TOML = re.compile(r"\w+ = ")
"""The beginning of a line that programs read, so it is not wrapped."""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def edgesegd(*words: str, data_dir: Path, columns: str | None = None) -> str:
    """What a command prints into a pipe."""
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "edgesegd", *words, f"--data-dir={data_dir}"],
        capture_output=True,
        env=environ | ({} if columns is None else {"COLUMNS": columns}),
        timeout=100,
        check=True,
        text=True,
    )
    return done.stdout


def on_terminal(*words: str, columns: int) -> str:
    """What a command prints on a terminal of that width, which knows colours."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    printed = bytearray()

    def read() -> None:
        try:
            while chunk := os.read(ours, 1 << 16):
                printed.extend(chunk)
        except OSError:  # Linux reports the end of a terminal so
            pass

    reader = threading.Thread(target=read)
    reader.start()
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "CI")}
    subprocess.run(
        [sys.executable, "-m", "edgesegd", *words],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environ | {"TERM": "xterm-256color"},
        timeout=100,
        check=True,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def too_long(text: str) -> list[str]:
    """The lines that are longer than NARROW and not a single word."""
    return [
        line
        for line in text.splitlines()
        if len(line) > NARROW and len(line.split()) > 1 and not TOML.match(line)
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_is_readable_at_40_columns_and_has_the_same_words_as_in_a_pipe(
    data_dir: Path, command: tuple[str, ...]
) -> None:
    narrow = edgesegd(*command, data_dir=data_dir, columns=str(NARROW))
    piped = edgesegd(*command, data_dir=data_dir)
    assert ESCAPE not in narrow + piped
    assert "…" not in narrow.replace("key=value,…", "") + piped.replace("key=value,…", "")
    assert too_long(narrow) == []
    # In blocks each value has its heading; figures of the probe differ each time.
    words = [re.sub(r"[\d.%]+", "0", word) for word in piped.split()]
    shown = {re.sub(r"[\d.%]+", "0", word).rstrip(":") for word in narrow.split()}
    assert {word.rstrip(":") for word in words} <= shown | {"delegate", "name", "model"}


def test_in_a_pipe_each_delegate_and_model_is_one_line(data_dir: Path) -> None:
    lines = edgesegd("probe", "--threads=1", data_dir=data_dir).splitlines()
    assert next(line for line in lines if line.startswith("edgetpu ")).split()[1] == "absent"
    heading = next(line for line in lines if line.startswith("delegate "))
    for line in lines[lines.index(heading) + 1 :]:
        assert line[heading.index("why") - 2 : heading.index("why")] == "  "
    listed = edgesegd("models", "list", data_dir=data_dir).splitlines()
    assert any(line.startswith("builtin ") and line.endswith("scenes.tflite") for line in listed)


def test_a_terminal_decides_the_width_and_shows_colours() -> None:
    printed = on_terminal("models", "info", columns=NARROW)
    assert too_long(re.sub(r"\x1b\[[\d;]*m", "", printed)) == []
    assert "■" in printed
    assert ESCAPE in printed


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_gives_json_for_programs(data_dir: Path, command: tuple[str, ...]) -> None:
    assert json.loads(edgesegd(*command, "--json", data_dir=data_dir, columns=str(NARROW)))


def test_the_models_of_a_running_daemon_are_readable_at_40_columns(tmp_path: Path) -> None:
    with RunningDaemon(f"--data-dir={tmp_path}", "--delegate=cpu"):
        narrow = edgesegd("models", "list", data_dir=tmp_path, columns=str(NARROW))
        listed = json.loads(edgesegd("models", "list", "--json", data_dir=tmp_path))
    assert too_long(narrow) == []
    assert narrow.startswith("scenes (default)\n")
    assert [each["name"] for each in listed["served"]] == ["scenes"]
