"""Sends orders to a running daemon."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from edgesegd.control.messages import ModelState, Order, error_from
from edgesegd.core.errors import CannotListen


def give_order(
    path: Path, order: Order, *, report: Callable[[str], None] = lambda _: None
) -> list[ModelState]:
    """Send an order and wait until it is done, however long that takes.

    Returns the models that the daemon serves then. `report` is called with each report that arrives
    before that. Raises CannotListen if no daemon takes orders at `path`, and the StartupError with
    which the order failed.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            raise CannotListen(
                f"no daemon takes orders at {path} ({error.strerror or error}); start one with "
                "`edgesegd serve`, or give its socket with --control"
            ) from None
        connection.sendall(order.to_line())
        for line in connection.makefile("rb"):
            try:
                answer = json.loads(line)
                if "models" in answer:
                    return [ModelState(**model) for model in answer["models"]]
                failure = error_from(answer) if "error" in answer else None
                text = "" if failure else answer["report"]
            except (ValueError, LookupError, TypeError):
                raise CannotListen(f"what answers at {path} is no daemon of this version") from None
            if failure is not None:
                raise failure
            report(text)
    raise CannotListen(f"the daemon at {path} ended before the order was done")
