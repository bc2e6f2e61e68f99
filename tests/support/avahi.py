"""Avahi on one of the hosts of `two_hosts`, with a bus of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
CONFIG = """[server]
host-name={name}
use-ipv6=no
"""
# The folder of its process id is the machine's; `ip netns exec` has a view of mounts of its own.
START = (
    "mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon && "
    "exec avahi-daemon --file={config} --no-drop-root --no-chroot --no-rlimits"
)
SECONDS = 30.0


class Avahi:
    """What avahi-browse of a host sees; a line for each event, as `--parsable` prints it."""

    def __init__(self, host: Sequence[str], env: dict[str, str]) -> None:
        self._host = host
        self._env = env

    def services(self, kind: str) -> list[str]:
        """What there is now, with addresses and TXT records."""
        browse = ("avahi-browse", "--parsable", "--resolve", "--terminate", kind)
        done = subprocess.run(
            [*self._host, *browse],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return [line for line in done.stdout.splitlines() if line.startswith("=")]

    def wait_for(self, kind: str, text: str) -> str:
        """The first service whose line has that text, as soon as there is one."""
        last = time.monotonic() + SECONDS
        while time.monotonic() < last:
            for line in self.services(kind):
                if text in line:
                    return line
            time.sleep(0.2)
        raise AssertionError(f"no {text!r} in {self.services(kind)}")

    def address_of(self, host: str) -> str:
        """The address of a host by its name; raises CalledProcessError if there is none."""
        done = subprocess.run(
            [*self._host, "avahi-resolve", "-4", "--name", host],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return done.stdout.split()[-1]

    @contextmanager
    def events(self, kind: str) -> Iterator[Iterator[str]]:
        """The lines of what appears (+) and is gone (-), until the end of the block."""
        with subprocess.Popen(
            [*self._host, "avahi-browse", "--parsable", kind],
            env=self._env,
            stdout=subprocess.PIPE,
            text=True,
        ) as browse:
            assert browse.stdout is not None
            try:
                yield browse.stdout
            finally:
                browse.terminate()


@contextmanager
def running_avahi(host: Sequence[str], folder: Path) -> Iterator[Avahi]:
    """Avahi on a host, which it calls as `folder` is called; skips where it is not installed."""
    missing = [
        name for name in ("avahi-browse", "avahi-daemon", "dbus-daemon") if not shutil.which(name)
    ]
    if missing:
        pytest.skip(
            f"{', '.join(missing)} missing; on Debian: apt install avahi-daemon avahi-utils dbus"
        )
    folder.mkdir(exist_ok=True)
    socket, bus, config = folder / "bus", folder / "bus.conf", folder / "avahi.conf"
    bus.write_text(BUS.format(socket=socket))
    config.write_text(CONFIG.format(name=folder.name))
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
    start = [*host, "sh", "-c", START.format(config=config)]
    with (
        _running([*host, "dbus-daemon", f"--config-file={bus}", "--nofork"], env),
        _until(socket.exists),
        _running(start, env),
    ):
        avahi = Avahi(host, env)
        with _until(lambda: _answers(avahi)):
            yield avahi


@contextmanager
def _running(command: Sequence[str], env: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def _until(condition: object) -> Iterator[None]:
    assert callable(condition)
    last = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.1)
    yield


def _answers(avahi: Avahi) -> bool:
    try:
        avahi.services("_nothing._tcp")
    except subprocess.CalledProcessError:
        return False
    return True
