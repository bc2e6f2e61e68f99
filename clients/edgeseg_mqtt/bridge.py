"""Builds the parts and runs them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from ipaddress import ip_address
from typing import Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.info import ModelInfo, ServerInfo
from edgeseg_client.options import Options
from edgeseg_mqtt.broker import Broker
from edgeseg_mqtt.camera_state import CameraState
from edgeseg_mqtt.camera_stream import CameraStream
from edgeseg_mqtt.daemon_watch import DaemonWatch
from edgeseg_mqtt.discovery import Described, describe_camera, describe_daemon
from edgeseg_mqtt.errors import ClassesChanged
from edgeseg_mqtt.frame_feed import FrameFeed
from edgeseg_mqtt.picture_publisher import PicturePublisher
from edgeseg_mqtt.settings import Settings
from edgeseg_mqtt.temperature import read_temperature
from edgeseg_mqtt.topics import unique_slug
from edgeseg_mqtt.watched_classes import WatchedClass, watch_classes

_LOG = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 5.0


async def run_bridge(settings: Settings, client_version: str) -> None:
    """Runs until it is cancelled or all sources have ended.

    If the daemon then serves a model with other classes, everything is described anew.
    """
    daemon = settings.daemon
    async with (
        AsyncClient(
            daemon.address,
            token=daemon.token,
            credentials=daemon.credentials,
            timeout=_ANSWER_SECONDS,
            retry_for=0,
        ) as asking,
        AsyncClient(
            daemon.address,
            token=daemon.token,
            credentials=daemon.credentials,
            retry_for=math.inf,
        ) as streaming,
    ):
        while not await _Bridge(settings, client_version, asking, streaming).run():
            _LOG.warning("the daemon serves a model with other classes; describing them anew")


class _Bridge:
    """Watches the cameras with one set of classes."""

    def __init__(
        self,
        settings: Settings,
        client_version: str,
        asking: AsyncClient,
        streaming: AsyncClient,
    ) -> None:
        self._settings = settings
        self._client_version = client_version
        self._streaming = streaming
        self._broker = Broker(
            settings.broker,
            trusted=settings.trusted,
            client_id=settings.client_id,
            topics=settings.topics,
        )
        on_this_board = is_on_this_machine(settings.daemon.address)
        self._read_temperature = read_temperature if on_this_board else lambda: None
        self._watch = DaemonWatch(
            asking,
            settings.options.get("model", ""),
            topics=settings.topics,
            publish=self._broker.publish,
            read_temperature=self._read_temperature,
        )

    async def run(self) -> bool:
        """Returns whether all sources have ended; if not, the classes have changed."""
        info = await self._watch.wait_for_daemon()
        model = info.model(self._settings.options.get("model", ""))
        if model.note:
            _LOG.warning("the model %s: %s", model.name, model.note)
        classes = watch_classes(model.classes, self._settings.classes)
        cameras = self._make_cameras(info, model, classes)
        changed = False
        try:
            async with asyncio.TaskGroup() as group:
                broker = group.create_task(self._broker.run())
                try:
                    await self._run_cameras(cameras)
                finally:  # the cameras have said what they had to say
                    broker.cancel()
        except* ClassesChanged:
            changed = True
        return not changed

    async def _run_cameras(self, cameras: list[CameraStream]) -> None:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch.run())
            await asyncio.wait([group.create_task(camera.run()) for camera in cameras])
            watching.cancel()

    def _make_cameras(
        self, info: ServerInfo, model: ModelInfo, classes: tuple[WatchedClass, ...]
    ) -> list[CameraStream]:
        """Describes all devices, the daemon's first, because the others refer to it."""
        settings, publish = self._settings, self._broker.publish
        described = Described(
            topics=settings.topics,
            client_version=self._client_version,
            daemon_version=info.version,
            model=model.name,
            stale_after=settings.stale_after,
        )
        publish(describe_daemon(described, with_temperature=self._read_temperature() is not None))
        options: Options = {**settings.options, "max_age": settings.stale_after}
        if settings.classes:
            options["classes"] = [each for one in classes for each in one.ids]
        cameras: dict[str, CameraStream] = {}
        for source in settings.sources:
            camera = unique_slug(source.name, len(cameras) + 1, cameras)
            with_image = settings.image_every > 0
            publish(describe_camera(described, camera, source.name, classes, with_image=with_image))
            pictures = PicturePublisher(
                source.name,
                settings.topics.camera(camera, "overlay"),
                interval=settings.image_every,
                max_width=settings.image_width,
                publish=publish,
                forget=self._broker.forget,
            )
            cameras[camera] = CameraStream(
                source.name,
                FrameFeed(source.open, settings.fps),
                state=CameraState(
                    camera,
                    classes,
                    settings.rule,
                    topics=settings.topics,
                    interval=settings.every,
                    publish=publish,
                    now=time.monotonic(),
                ),
                pictures=pictures if with_image else None,
                classes=classes,
                table=model.classes,
                client=self._streaming,
                options=options,
                stale_after=settings.stale_after,
                on_change=self._watch.check_soon,
            )
        return list(cameras.values())


def is_on_this_machine(address: str) -> bool:
    """Whether the daemon runs on this board, as far as its address says."""
    host = address.removeprefix("dns:").rpartition(":")[0].strip("/")
    return address.startswith("unix:") or host == "localhost" or _is_loopback(host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
