"""The names of a client."""

from __future__ import annotations

Client = tuple[str, ...]
"""Names from general to particular: an address, then one of its connections."""
