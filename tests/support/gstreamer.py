"""The system's GStreamer with the elements of this checkout, as a user has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Any, Self

import pytest

from edgeseg_gstreamer import PLUGIN_PATH

PYTHON = "/usr/bin/python3"
APP = Path(__file__).parents[1] / "system" / "gstreamer_app.py"
PACKAGES = (
    "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gst-1.0"
    " gstreamer1.0-python3-plugin-loader gir1.2-gst-plugins-base-1.0 python3-grpcio"
    " python3-numpy python3-pil python3-protobuf"
)
LAUNCH_SECONDS = 60.0
LINE_SECONDS = 30.0

Line = dict[str, Any]


class GStreamer:
    """Runs pipelines against the daemon at `server`; GStreamer's cache is in `folder`.

    Skips the test where GStreamer, its loader of Python plugins, or what the elements need is
    missing.
    """

    def __init__(self, folder: Path, server: str) -> None:
        tools = [shutil.which(name) for name in ("gst-launch-1.0", "gst-inspect-1.0")]
        modules = "import gi, grpc, numpy, PIL, google.protobuf"
        self.folder = folder
        # The system's Python finds no packages of the environment that runs the tests.
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "EDGESEG_", "GST_", "VIRTUAL_ENV"))
        }
        self.variables |= {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GST_PLUGIN_PATH": str(PLUGIN_PATH),
            "GST_REGISTRY": str(folder / "registry.bin"),
            "EDGESEG_SERVER": server,
        }
        if (
            None in tools
            or not self._runs(PYTHON, "-c", modules)
            or not self._runs("gst-inspect-1.0", "python")
        ):
            pytest.skip(
                f"GStreamer with Python plugins is missing; on Debian 12: apt install {PACKAGES}"
            )

    def _runs(self, *command: str) -> bool:
        done = subprocess.run(command, capture_output=True, check=False, env=self.variables)
        return done.returncode == 0

    def launch(self, pipeline: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `gst-launch-1.0` in the folder, as a shell would, until it ends."""
        return subprocess.run(
            ["/bin/sh", "-c", f"exec gst-launch-1.0 {pipeline}"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LAUNCH_SECONDS,
            env=self.variables | variables,
        )

    def run(self, pipeline: str) -> str:
        """Like `launch`; fails if the pipeline does, or if it says anything on stderr."""
        done = self.launch(pipeline)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def program(self, name: str, *arguments: str) -> str:
        """Runs a program of `tests/system` in the system's Python; returns what it prints."""
        done = subprocess.run(
            [PYTHON, str(APP.with_name(name)), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LAUNCH_SECONDS,
            env=self.variables,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def app(self, pipeline: str) -> App:
        """Starts the program `gstreamer_app.py`."""
        return App(pipeline, self.folder, self.variables)


class App:
    """A program with a pipeline; see `tests/system/gstreamer_app.py`. Killed if a test fails."""

    def __init__(self, pipeline: str, folder: Path, variables: dict[str, str]) -> None:
        self.lines: list[Line] = []
        self._queue: Queue[Line | None] = Queue()
        self._process = subprocess.Popen(
            [PYTHON, str(APP), pipeline],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        )
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.tell("end")
            assert self._process.wait(LINE_SECONDS) == 0, self._errors
        else:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(LINE_SECONDS)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if kind is None:
            assert not self._errors, "".join(self._errors)

    def tell(self, command: str) -> Line:
        """Gives a command, and waits until it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self.until(lambda line: line.get("done") == command)

    def until(self, wanted: Callable[[Line], bool]) -> Line:
        """Waits for a line; the lines before it are in `lines`, and so is this one."""
        while (line := self._queue.get(timeout=LINE_SECONDS)) is not None:
            self.lines.append(line)
            if wanted(line):
                return line
        raise AssertionError(f"the program has ended: {self._errors}")

    def until_message(self, name: str) -> Line:
        """Waits for a message of the bus."""
        return self.until(lambda line: line.get("message") == name)

    def until_buffer(self, *, masked: bool) -> Line:
        """Waits for a buffer with or without a mask."""
        return self.until(lambda line: "pts" in line and ("mask" in line) == masked)

    def buffers(self) -> list[Line]:
        """The buffers that came up to the last line that was waited for."""
        return [line for line in self.lines if "pts" in line]

    def messages(self) -> list[str]:
        """The messages that came up to there."""
        return [line["message"] for line in self.lines if "message" in line]

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors += self._process.stderr
