"""Gives orders to a running daemon."""

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
    """Have a daemon do it, however long it takes; the models that it serves then.

    `report` is given what it does meanwhile. Raises CannotListen where no daemon takes orders
    there, and the StartupError that the order ended with.
    """
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
        except OSError as error:
            raise CannotListen(
                f"no daemon takes orders at {path} ({error.strerror or error}); start one with "
                "`edgesegd serve`, or name its socket with --control"
            ) from None
        link.sendall(order.to_line())
        for line in link.makefile("rb"):
            answer = json.loads(line)
            if "report" in answer:
                report(answer["report"])
            elif "error" in answer:
                raise error_from(answer)
            else:
                return [ModelState(**model) for model in answer["models"]]
    raise CannotListen(f"the daemon at {path} ended before the order was done")
