"""Runs `edgeseg mqtt`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
import sys
from argparse import Namespace
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import grpc

from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_mqtt.broker_address import read_address
from edgeseg_mqtt.errors import BrokerRefused
from edgeseg_mqtt.presence import PresenceRule
from edgeseg_mqtt.settings import DaemonAddress, Settings
from edgeseg_mqtt.source import choose_source, is_utf8
from edgeseg_mqtt.topics import Topics, slug

_MIN_IMAGE_SECONDS = 1.0
_PASSWORD = "EDGESEG_MQTT_PASSWORD"  # noqa: S105  # the name of a variable


def run(arguments: Namespace) -> ExitCode:
    """Runs until the sources end, SIGTERM (exit status 0) or Ctrl-C.

    Raises `UsageError` for wrong settings and if the broker refuses the first connection.
    """
    if find_spec("paho") is None:
        raise UsageError(
            "this command needs paho-mqtt: pip install 'edgeseg[mqtt]', or on Debian"
            " apt install python3-paho-mqtt"
        )
    settings = read_settings(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("edgeseg: %(message)s"))
    log = logging.getLogger("edgeseg_mqtt")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    try:
        asyncio.run(_run_until_terminated(settings))
    except BrokerRefused as error:
        raise UsageError(
            f"the broker at {settings.broker} refuses the connection: {error}"
        ) from error
    return ExitCode.OK


def read_settings(arguments: Namespace) -> Settings:
    """Reads the command line; raises `UsageError`, `InvalidRequest` and `OSError`."""
    if 0 < arguments.image_every < _MIN_IMAGE_SECONDS:
        raise UsageError(f"--image-every is 0, or at least {_MIN_IMAGE_SECONDS:g}")
    if arguments.image_width < 1:
        raise UsageError("--image-width is at least 1")
    if arguments.every >= arguments.stale_after:
        raise UsageError("--every must be less than --stale-after")
    if not is_utf8(arguments.client_id or ""):
        raise UsageError(f"--client-id {arguments.client_id!a} is not in UTF-8")
    password = os.environ.get(_PASSWORD, "")
    if arguments.password_file:
        password = _read_password(arguments.password_file)
    broker = read_address(arguments.broker, password)
    if arguments.broker_ca and not broker.tls:
        raise UsageError("--broker-ca needs TLS: write --broker mqtts://…")
    node = slug(socket.gethostname().partition(".")[0]) or "edgeseg"
    if arguments.id is not None:
        node = arguments.id
    return Settings(
        daemon=DaemonAddress(arguments.server, arguments.token, _credentials(arguments.ca)),
        broker=broker,
        trusted=_trusted(arguments.broker_ca) if broker.tls else None,
        client_id=arguments.client_id or f"edgeseg_{node}",
        topics=Topics(arguments.base_topic, node, arguments.discovery_prefix),
        sources=[
            choose_source(each, rounds=arguments.loop, size=arguments.camera_size)
            for each in arguments.sources
        ],
        classes=arguments.classes,
        options={
            "outputs": ("labels",),
            # With the other ways to fit a frame, the model's output does not cover the whole frame.
            "size": "model" if arguments.resize == "stretch" else "frame",
            "resize": arguments.resize,
            "model": arguments.model,
        },
        rule=PresenceRule(
            on=arguments.on_share / 100,
            off=arguments.off_share / 100,
            on_after=arguments.on_after,
            off_after=arguments.off_after,
        ),
        fps=arguments.fps,
        every=arguments.every,
        stale_after=arguments.stale_after,
        image_every=arguments.image_every,
        image_width=arguments.image_width,
    )


async def _run_until_terminated(settings: Settings) -> None:
    from edgeseg_mqtt.bridge import run_bridge  # noqa: PLC0415  # imports paho

    running = asyncio.create_task(run_bridge(settings, _version()))
    terminated = asyncio.Event()

    def terminate() -> None:
        terminated.set()
        running.cancel()

    with suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        await running
    except asyncio.CancelledError:
        if not terminated.is_set():
            raise
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _trusted(authority: Path | None) -> ssl.SSLContext:
    if authority is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=authority.read_text("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(f"{authority} has no certificate in PEM") from error


def _read_password(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip("\r\n")
    except ValueError as error:
        raise UsageError(f"{file} is no text in UTF-8") from error


def _credentials(authority: Path | None) -> grpc.ChannelCredentials | None:
    return grpc.ssl_channel_credentials(Path(authority).read_bytes()) if authority else None


def _version() -> str:
    try:
        return version("edgeseg")
    except PackageNotFoundError:
        return "unknown"
