"""Bytes that are no message."""

from __future__ import annotations

from edgesegd.core.errors import ClientError, InvalidFrame, Unimplemented

GZIP = b"\x1f\x8b"
"""How its bytes begin, and no message does: gRPC leaves them so, for they may be a bomb."""


def malformed(raw: bytes, kind: str, error: object) -> ClientError:
    """What is wrong with bytes that are no message of that kind."""
    if raw.startswith(GZIP):
        return Unimplemented(
            "compressed messages (gzip) are refused here; leave the compression out, or start the "
            "daemon with --compression=accept"
        )
    return InvalidFrame(f"the message is no {kind}: {error}")
