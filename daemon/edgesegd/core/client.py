"""Who a client is."""

from __future__ import annotations

Client = tuple[str, ...]
"""From the general to the particular: an address, and one of its connections."""
