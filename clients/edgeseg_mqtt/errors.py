"""The errors of this package, by fault."""

from __future__ import annotations


class BrokerRefused(Exception):
    """The broker answered and does not accept this client; trying again does not help."""


class BrokerUnreachable(Exception):
    """No broker answers at the address, or the connection broke."""


class ClassesChanged(Exception):
    """The daemon serves a model with other classes than when the bridge began."""
