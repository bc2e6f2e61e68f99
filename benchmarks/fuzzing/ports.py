"""The ports of a real daemon, while a good client is served."""

from __future__ import annotations

import contextlib
import io
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
from attacks.target import host_and_port
from PIL import Image

from edgesegd.bench.inputs import drawn_inputs
from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from edgesegd.models.reading import read_model
from fuzzing import noise
from fuzzing.calls import any_call, make_call
from fuzzing.target import Fault
from fuzzing.watched_daemon import WatchedDaemon

SEND_SECONDS = 5.0
LOOK_SECONDS = 0.02
"""How long a case waits for an answer to its noise."""
MAX_ANSWER = 1 << 16
NO_LINGER = struct.pack("ii", 1, 0)
WARM_UP = 30
"""Cases after which the daemon holds what it keeps for good."""
SIDE = 48


class Ports:
    """Garbage and noise on every port, and calls with wild fields."""

    name = "ports"
    at_a_time = 8
    """Many calls take long, because the daemon answers a client's errors late."""

    def __init__(self) -> None:
        self._thread = threading.local()
        inputs = drawn_inputs(read_model(resolve_model(BUILTIN, Path())))
        self._pictures = tuple(_pictures())
        self._daemon = WatchedDaemon(inputs, self._pictures[0])
        self._cases = 0
        addresses = self._daemon.addresses
        unix = socket.AF_UNIX
        self._noise: list[tuple[str, int, str, Callable[[Random], bytes]]] = [
            ("gRPC", socket.AF_INET, addresses.grpc, noise.garbage),
            ("gRPC", unix, addresses.socket, noise.garbage),
            ("metrics", socket.AF_INET, addresses.metrics, noise.request_for_metrics),
            ("memory", unix, self._daemon.memory_socket, noise.lease),
            ("orders", unix, self._daemon.control_socket, noise.order),
            *[("HTTP/2", socket.AF_INET, addresses.grpc, self._http2)] * 4,
            *[("HTTP/2", unix, addresses.socket, self._http2)] * 2,
        ]

    @property
    def material(self) -> bytes:
        """What the last connection of this thread sent."""
        return getattr(self._thread, "material", b"")

    def try_case(self, dice: Random) -> str:
        """One connection."""
        self._cases += 1
        if self._cases == WARM_UP:
            self._daemon.warmed_up()
        try:
            if dice.random() < 0.4:
                return self._call(dice)
            name, family, address, make = dice.choice(self._noise)
            self._thread.material = make(dice)
            return f"{name}: {self._send(family, address, dice)}"
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise Fault(f"nobody listens any more; the front: {self._daemon.fate}") from error
        except OSError as error:
            return f"connection: {type(error).__name__}"

    def _call(self, dice: Random) -> str:
        call = any_call(dice, self._pictures)
        self._thread.material = call.sent
        return f"call: {make_call(call, self._daemon.addresses.grpc, _source(dice))}"

    def _http2(self, dice: Random) -> bytes:
        return noise.http2(dice, self._pictures)

    def _send(self, family: int, address: str, dice: Random) -> str:
        """Send the material; whether there was an answer, and who ended the connection."""
        with socket.socket(family) as connection:
            connection.settimeout(SEND_SECONDS)
            if family == socket.AF_UNIX:
                connection.connect(address)
            else:
                connection.bind((_source(dice), 0))
                connection.connect(host_and_port(address))
            if dice.random() < 0.2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            connection.sendall(self.material)
            if dice.random() < 0.3:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            answered = False
            while select.select([connection], [], [], LOOK_SECONDS)[0]:
                if not connection.recv(MAX_ANSWER):
                    return "ended, with an answer" if answered else "ended"
                answered = True
            return "answered" if answered else "no answer yet"

    def faults_at_the_end(self) -> Iterator[str]:
        """What the daemon did wrong, or has not given back."""
        return self._daemon.faults()

    def close(self) -> None:
        """End the daemon."""
        self._daemon.close()


def _source(dice: Random) -> str:
    """An address of this machine; each is another client, for the daemon cuts off bad ones."""
    return f"127.{dice.randint(1, 254)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}"


def _pictures() -> Iterator[bytes]:
    """Small ones, the first of which is sound; the last ones are rows of raw frames."""
    across = np.linspace(0, 255, SIDE, dtype=np.uint8)
    image = Image.fromarray(np.broadcast_to(across, (SIDE, SIDE)).copy()).convert("RGB")
    for kind in ("JPEG", "PNG", "WEBP", "BMP"):
        encoded = io.BytesIO()
        image.save(encoded, kind)
        yield encoded.getvalue()
    yield bytes(16 * 12 * 3)
    yield b""
