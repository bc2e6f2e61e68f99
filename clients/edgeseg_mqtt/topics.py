"""The names of topics."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from edgeseg_client.errors import InvalidRequest

ONLINE: Final = "online"
OFFLINE: Final = "offline"

_MAX_TOPIC_BYTES: Final = 200
"""Of the parts that users choose; MQTT allows 65,535 bytes in all."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one bridge: all that it publishes is below `BASE/NODE/`, but discovery.

    Raises `InvalidRequest` if MQTT or Home Assistant would not accept the names.
    """

    base: str
    node: str
    discovery_prefix: str

    def __post_init__(self) -> None:
        for option, name in (
            ("--base-topic", self.base),
            ("--discovery-prefix", self.discovery_prefix),
        ):
            _check_topic(option, name)
        if not self.node or slug(self.node) != self.node:
            raise InvalidRequest(
                f"--id {self.node!r} may have small letters, digits and single '_' in between;"
                f" for example {slug(self.node) or 'kitchen'!r}"
            )

    @property
    def status(self) -> str:
        """`online` while the bridge is connected; the broker sets `offline` when it is lost."""
        return f"{self.base}/{self.node}/status"

    @property
    def own(self) -> str:
        """What all topics of this bridge begin with."""
        return f"{self.base}/{self.node}/"

    def camera(self, camera: str, *rest: str) -> str:
        """A topic of a camera."""
        return "/".join((self.base, self.node, "cameras", camera, *rest))

    def daemon(self, *rest: str) -> str:
        """A topic of the daemon."""
        return "/".join((self.base, self.node, "daemon", *rest))

    def discovery(self, device: str) -> str:
        """Where Home Assistant expects the description of a device, by its id here."""
        return f"{self.discovery_prefix}/device/edgeseg_{self.node}/{device}/config"

    @property
    def home_assistant_status(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery_prefix}/status"


def slug(text: str) -> str:
    """The text in small letters, digits and `_`: part of topics and ids; may be empty."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "_", ascii_only.lower()).strip("_")


def unique_slug(text: str, number: int, taken: Container[str]) -> str:
    """The slug of a name, followed by the first number from `number` on if it is taken or empty."""
    plain = chosen = slug(text)
    while not chosen or chosen in taken:
        chosen, number = f"{plain}_{number}".strip("_"), number + 1
    return chosen


def _check_topic(option: str, name: str) -> None:
    unsuitable = any(not each.isprintable() or each in "+#" for each in name)
    if not name or unsuitable or name[0] in "/$" or "" in name.split("/"):
        raise InvalidRequest(
            f"{option} {name!r} is not a topic: it may not be empty, contain '+' or '#', begin with"
            " '$', or begin or end with '/'"
        )
    if len(name.encode()) > _MAX_TOPIC_BYTES:
        raise InvalidRequest(f"{option} is longer than {_MAX_TOPIC_BYTES} bytes")
