"""Orders and answers on the control socket, each a line of JSON.

An order is `{"order": NAME, …}` with one of ORDERS. While it is carried out the daemon sends
reports, `{"report": "…"}`. At the end it sends `{"models": […]}`, or, if the order failed,
`{"error": KIND, "message": "…"}`.
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
    """An order; `name` is that of a model, `path` that of a file. Empty if not needed."""

    order: str
    name: str = ""
    version: str = ""
    path: str = ""

    def to_line(self) -> bytes:
        """The line that is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """Read a line; raises ConfigError if it is not a valid order."""
        try:
            order = cls(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise ConfigError(
                "an order is one line of JSON with order, name, version, path"
            ) from None
        texts = (order.order, order.name, order.version, order.path)
        if not all(isinstance(text, str) for text in texts) or order.order not in ORDERS:
            raise ConfigError(f"an order is one of {', '.join(ORDERS)}; its values are strings")
        if order.order not in ("list", "reload"):
            given_name(order.name)
        return order


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model that is served; `previous` is the version that `rollback` serves again.

    `state` is "serves", "sleeps" (it has no engine until a frame arrives) or "fails".
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
    """The path of the control socket of a daemon with these options."""
    return Path(configured) if configured else Path(data_dir) / SOCKET_NAME


def error_answer(error: EdgesegError) -> dict[str, Any]:
    """The last answer to an order that failed."""
    return {"error": type(error).__name__, "message": str(error)}


def error_from(answer: dict[str, Any]) -> StartupError:
    """The error with which an order failed."""
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, StartupError):
        return kind(answer["message"])
    if kind is errors.UnknownModel:
        return errors.ModelMissing(answer["message"])
    return EngineStartFailed(answer["message"])
