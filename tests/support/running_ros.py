"""Nodes of ROS 2 in processes of their own, from a workspace that colcon has built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

Facts: TypeAlias = dict[str, Any]

PROJECT: Final = Path(__file__).parents[2]
ROS: Final = PROJECT / ".venv-ros2"


def ros_environment(workspace: Path) -> dict[str, str]:
    """The environment in which ROS runs, in a domain of this process's own."""
    return {
        "PATH": f"{ROS / 'bin'}:{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": str(ROS),
        "HOME": os.environ.get("HOME", "/"),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(os.getpid() % 100 + 1),
        "ROS_LOG_DIR": str(workspace / "ros-log"),
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
    }


def build_workspace(folder: Path) -> Path:
    """Builds the package with colcon, as its page says; returns the script to source."""
    subprocess.run(
        [ROS / "bin/colcon", "build", "--base-paths", PROJECT / "clients/ros2"],
        cwd=folder,
        env=ros_environment(folder),
        check=True,
        capture_output=True,
        timeout=100,
    )
    return folder / "install/setup.bash"


class RunningNode:
    """A process of ROS; interrupted at the end, and then it has to exit with 0."""

    def __init__(self, setup: Path, *command: str | Path) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", 'source "$0" && exec "$@"', setup, *command],
            env=ros_environment(setup.parents[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        status = self.interrupt()
        if kind is None:
            assert status == 0, self.lines

    def interrupt(self) -> int:
        """Sends SIGINT, as Ctrl-C does, and returns the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """The exit status, once the process has ended by itself."""
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._reader.join()

    def wait_for(self, wanted: Callable[[str], bool]) -> str:
        """The first line that is wanted."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: next(filter(wanted, self.lines), None), timeout=90
            )
        assert found, self.lines
        return str(found)

    def facts(self, topic: str) -> list[Facts]:
        """What `ros2_robot.py` has printed of a topic."""
        printed = [json.loads(line) for line in self.lines.copy() if line.startswith("{")]
        return [one for one in printed if one["topic"] == topic]

    def wait_for_facts(self, topic: str, count: int = 1, **wanted: object) -> list[Facts]:
        """All of a topic that have these values, once there are as many."""

        def found() -> list[Facts]:
            return [one for one in self.facts(topic) if wanted.items() <= one.items()]

        with self._changed:
            came = self._changed.wait_for(lambda: len(found()) >= count, timeout=90)
        assert came, self.lines
        return found()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.rstrip())
                    self._changed.notify_all()
