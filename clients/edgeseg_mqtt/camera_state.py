"""What a camera's topics say, from the results of its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from edgeseg_mqtt.discovery import ABSENT, PRESENT, UNKNOWN
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.presence import Presence, PresenceRule
from edgeseg_mqtt.rate import Rate
from edgeseg_mqtt.topics import OFFLINE, ONLINE, Topics
from edgeseg_mqtt.watched_classes import WatchedClass

_RATE_SECONDS: Final = 10.0
"""Between two values of the rate."""


class CameraState:
    """Publishes the shares and the presence of each class, and whether they can be trusted.

    The camera is offline until its first result and while it is stale. Then nothing is said about
    what it shows: a class that was present is not absent because no frame comes. Values are
    published at most every `interval` seconds, and at once if a presence changes. Times are of any
    monotonic clock, in seconds.
    """

    def __init__(
        self,
        camera: str,
        classes: Sequence[WatchedClass],
        rule: PresenceRule,
        *,
        topics: Topics,
        interval: float,
        publish: Callable[[Message], None],
        now: float,
    ) -> None:
        self._classes = classes
        self._presences = {one.slug: Presence(rule) for one in classes}
        self._interval = interval
        self._publish = publish
        self._camera = camera
        self._topics = topics
        self._rate = Rate(now)
        self._published = self._rate_published = float("-inf")
        self._online = False
        self.set_stale()

    def add_result(self, shares: Mapping[str, float], now: float) -> None:
        """Takes the shares of a fresh frame, 0.0 to 1.0 by slug."""
        self._rate.add(now)
        changed = [each for each, one in self._presences.items() if one.update(shares[each], now)]
        if not changed and now - self._published < self._interval:
            return
        self._published = now
        for one in self._classes:
            self._say(f"{100 * shares[one.slug]:.2f}".encode(), "classes", one.slug, "share")
        self._publish_presence()
        if not self._online:  # once the values are new
            self._online = True
            self._say(ONLINE.encode(), "availability")
        if now - self._rate_published >= _RATE_SECONDS:
            self._rate_published = now
            self._say(f"{self._rate.per_second(now):.1f}".encode(), "rate")

    def set_stale(self) -> None:
        """No fresh frame came for too long, or none will come."""
        self._online = False
        self._say(OFFLINE.encode(), "availability")
        for presence in self._presences.values():
            presence.forget()
        self._publish_presence()
        self._published = self._rate_published = float("-inf")
        self._say(b"0.0", "rate")

    def _publish_presence(self) -> None:
        words = {True: PRESENT, False: ABSENT, None: UNKNOWN}
        for name, presence in self._presences.items():
            self._say(words[presence.state], "classes", name, "present")

    def _say(self, payload: bytes, *topic: str) -> None:
        self._publish(Message(self._topics.camera(self._camera, *topic), payload))
