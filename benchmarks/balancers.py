"""The balancers of docs/balancing.md on this machine, with the configurations of deploy/."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DEPLOY: Final = Path(__file__).parents[1] / "deploy"
ENVOY_FILE: Final = DEPLOY / "envoy/envoy.yaml"
HAPROXY_FILE: Final = DEPLOY / "haproxy/haproxy.cfg"
TOOLS: Final = DEPLOY.parent / ".venv-balancers/bin"
"""What the Makefile installs."""


def find_balancer(name: str) -> str | None:
    """The path of a program; None if it is not installed."""
    # Debian has HAProxy where only root's PATH leads.
    return shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}:/usr/sbin")


def envoy_command(
    program: str, folder: Path, port: int, daemons: Sequence[str]
) -> tuple[str | Path, ...]:
    """Runs Envoy at that port before daemons, as many as its configuration has boards."""
    text = ENVOY_FILE.read_text(encoding="utf-8")
    text = replaced(text, "0.0.0.0, port_value: 8460", [f"127.0.0.1, port_value: {port}"])
    hosts = [one.replace(":", ", port_value: ") for one in daemons]
    text = replaced(text, r"board-\d\.lan, port_value: 8460", hosts)
    (folder / "envoy.yaml").write_text(text, encoding="utf-8")
    return program, "-c", folder / "envoy.yaml", "--use-dynamic-base-id", "-l", "warning"


def haproxy_command(
    program: str, folder: Path, port: int, daemons: Sequence[str], name_server: str | None = None
) -> tuple[str | Path, ...]:
    """Runs HAProxy at that port before daemons, as many as its configuration has boards.

    With a name server, the names of the boards stay, and it is asked where they are.
    """
    text = HAPROXY_FILE.read_text(encoding="utf-8")
    text = replaced(text, "bind :8460", [f"bind 127.0.0.1:{port}"])
    if name_server is None:
        text = replaced(text, r"board-\d\.lan:8460", 2 * list(daemons))
    else:
        ports = [daemon.rpartition(":")[2] for daemon in daemons]
        text = replaced(text, r"(?<=\.lan:)8460", 2 * ports)
        text = replaced(text, "parse-resolv-conf", [f"nameserver test {name_server}"])
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    return program, "-db", "-f", folder / "haproxy.cfg"


def replaced(text: str, pattern: str, replacements: Sequence[str]) -> str:
    """Each place in `text` that the pattern matches, replaced by the next one."""
    found = len(re.findall(pattern, text))
    if found != len(replacements):
        raise ValueError(f"{pattern!r} is there {found} times, not {len(replacements)}")
    each = iter(replacements)
    return re.sub(pattern, lambda _: next(each), text)
