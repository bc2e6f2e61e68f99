"""Orders and answers on the control socket: a line of JSON each.

An order is `{"order": NAME, …}` with one of ORDERS. What is done about it is told meanwhile,
`{"report": "…"}`, and then how it ended: `{"models": […]}`, or `{"error": KIND, "message": "…"}`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgesegd.core import errors
from edgesegd.core.errors import ConfigError, EdgesegError, EngineStartFailed, StartupError
from edgesegd.models.names import given_name

SOCKET_NAME = "control.sock"
MAX_LINE = 1 << 16
NOWHERE = "none"
"""The path of a daemon that takes no orders."""

ORDERS = ("list", "load", "unload", "reload", "rollback")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done; `name` is a model's, `path` a file's. Empty where not needed."""

    order: str
    name: str = ""
    version: str = ""
    path: str = ""

    def to_line(self) -> bytes:
        """As it goes over the socket."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """As it came; raises ConfigError for what is none."""
        try:
            order = cls(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise ConfigError(
                "an order is one line of JSON with order, name, version, path"
            ) from None
        texts = (order.order, order.name, order.version, order.path)
        if not all(isinstance(text, str) for text in texts) or order.order not in ORDERS:
            raise ConfigError(f"an order is one of {', '.join(ORDERS)}, and its parts are texts")
        if order.order not in ("list", "reload"):
            given_name(order.name)
        return order


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model that is served: `previous` is the version that `rollback` goes back to.

    `state` is "serves", "sleeps" (its engine is ended until a frame comes) or "fails".
    """

    name: str
    version: str
    sha256: str
    path: str
    delegate: str
    state: str
    is_default: bool
    previous: str


def control_path(configured: str, data_dir: str) -> Path:
    """Where the socket of a daemon with these options is."""
    return Path(configured) if configured else Path(data_dir) / SOCKET_NAME


def error_answer(error: EdgesegError) -> dict[str, Any]:
    """How an order ended that could not be done."""
    return {"error": type(error).__name__, "message": str(error)}


def error_from(answer: dict[str, Any]) -> StartupError:
    """The error that an order ended with."""
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, StartupError):
        return kind(answer["message"])
    if kind is errors.UnknownModel:
        return errors.ModelMissing(answer["message"])
    return EngineStartFailed(answer["message"])
